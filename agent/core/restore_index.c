/* SPDX-License-Identifier: Apache-2.0 */
/* Running out of memory is reported, not fatal: uthash then leaves the table as it was. */
#define HASH_NONFATAL_OOM 1

#include "core/restore_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "core/lifetime.h"
#include "core/restore.h"
#include "datapath/datapath.h"

/* ---- 1. leases: their deadlines on this boot's clock ---- */

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
	if (value < low)
		return low;
	return value < high ? value : high;
}

/* After a reboot the wall clock is all there is. */
static int64_t deadline_now(const struct group *group, const struct store_lease *lease)
{
	if (memcmp(lease->boot_id, group->boot_id, sizeof(lease->boot_id)) == 0)
		return lease->boottime;
	return group->now + clamp(lease->wall - group->wall, 0, (int64_t)lease->ttl);
}

static int know_lease(const struct store_lease *stored, void *user)
{
	struct restoration *restoration = user;
	struct known_lease *known = calloc(1, sizeof(*known));

	if (!known)
		return -ENOMEM;
	known->id = stored->id;
	known->stored = *stored;
	known->deadline = deadline_now(restoration->group, stored);
	HASH_ADD(hh, restoration->leases, id, sizeof(known->id), known);
	if (!known->hh.tbl) {
		free(known);
		return -ENOMEM;
	}
	if (memcmp(stored->boot_id, restoration->group->boot_id, sizeof(stored->boot_id)) != 0)
		restoration->rebooted = true;
	return 0;
}

static int take_deadline(struct group *group, const struct known_lease *known,
			 struct lease *lease)
{
	int r = datapath_lease_take(group->datapath, &lease->index);

	if (r < 0)
		return r;
	lease->id = known->id;
	lease->is_shared = !known->stored.is_private;
	lease->ttl = lease->next_ttl = known->stored.ttl;
	lease->deadline = lease->next_deadline = known->deadline;
	datapath_lease_set(group->datapath, lease->index, lease->deadline);
	return lease_queue_add(group->leases, lease);
}

static int make_private(struct group *group, struct known_lease *known)
{
	cleanup(free_bytes) struct lease *lease = calloc(1, sizeof(*lease));
	int r = lease ? take_deadline(group, known, lease) : -ENOMEM;

	if (r == 0)
		known->lease = take(lease);
	return r;
}

static int make_shared(struct group *group, struct known_lease *known)
{
	cleanup(free_bytes) struct shared_lease *lease = calloc(1, sizeof(*lease));
	int r = lease ? take_deadline(group, known, &lease->lease) : -ENOMEM;
	struct shared_lease *made;

	if (r < 0)
		return r;
	made = take(lease); /* the queue's from here on */
	known->lease = &made->lease;
	made->owner = index_make_owner(group->index, known->stored.owner);
	return made->owner ? index_add_lease(group->index, made) : -ENOMEM;
}

/* Shared ones exist without any mark. They came in the order of their ids. */
static int make_shared_leases(struct restoration *restoration)
{
	struct known_lease *known = restoration->leases;
	int r = 0;

	for (; r == 0 && known; known = known->hh.next)
		if (!known->stored.is_private)
			r = make_shared(restoration->group, known);
	return r;
}

/* ---- 2. index: the last record of each match; owners ---- */

/* A record that is dead may name a lease that is gone with it; for the living restore_maps()
 * makes sure. */
static int attach_lease(struct restoration *restoration, const struct mark *mark,
			struct index_entry *entry)
{
	struct known_lease *known = NULL;
	int r = 0;

	if (mark->lifetime != MARK_FOREVER)
		HASH_FIND(hh, restoration->leases, &mark->lease, sizeof(mark->lease), known);
	if (known && !known->lease)
		r = make_private(restoration->group, known);
	if (r == 0)
		index_set_lease(entry, known ? known->lease : NULL);
	return r;
}

static int index_mark(struct restoration *restoration, const struct mark *mark,
		      struct index_owner *owner)
{
	struct index *index = restoration->group->index;
	const uint32_t hash = match_hash(&mark->match);
	struct index_entry *entry = index_find_hashed(index, &mark->match, hash);
	int r = 0;

	/* A mark that was cleared and made anew may have got another owner. */
	if (entry && entry->owner != owner) {
		index_remove(index, entry);
		entry = NULL;
	}
	if (!entry) {
		entry = index_entry_new(&mark->match, hash, owner);
		r = entry ? index_add(index, entry) : -ENOMEM;
	}
	if (r < 0) {
		free(entry);
		return r;
	}
	entry->action = mark->action;
	entry->cookie = index_cookie_hash(mark->cookie);
	entry->create_time = mark->create_time;
	entry->revision = mark->revision;
	return attach_lease(restoration, mark, entry);
}

static int index_record(const struct store_record *record, void *user)
{
	struct restoration *restoration = user;
	struct index *index = restoration->group->index;
	struct index_owner *owner = index_make_owner(
		index, record->mark ? record->mark->owner : record->removal->owner);
	struct index_entry *entry;

	if (!owner)
		return -ENOMEM;
	owner->changed = record->revision;
	if (record->mark)
		return index_mark(restoration, record->mark, owner);
	entry = index_find(index, &record->removal->match);
	if (entry)
		index_remove(index, entry);
	return 0;
}

static int index_fence(const char *name, uint64_t election_id, void *user)
{
	struct restoration *restoration = user;
	struct index_owner *owner = index_make_owner(restoration->group->index, name);

	if (!owner)
		return -ENOMEM;
	owner->account.election_id = election_id;
	return 0;
}

void restore_free(struct restoration *restoration)
{
	struct known_lease *known, *next;

	if (!restoration)
		return;
	HASH_ITER (hh, restoration->leases, known, next) {
		HASH_DEL(restoration->leases, known);
		free(known);
	}
	free(restoration->strays);
	free(restoration);
}

DEFINE_CLEANUP(cleanup_restoration, struct restoration *, restore_free)

static int read_store(struct restoration *restoration)
{
	struct store *store = restoration->group->store;
	int r = store_each_lease(store, know_lease, restoration);

	if (r == 0)
		r = make_shared_leases(restoration);
	if (r == 0)
		r = store_scan(store, 0, index_record, restoration);
	return r == 0 ? store_each_owner(store, index_fence, restoration) : r;
}

int restore_index(struct group *group, struct restoration **ret)
{
	cleanup(cleanup_restoration) struct restoration *restoration =
		calloc(1, sizeof(*restoration));
	int r;

	if (!restoration)
		return -ENOMEM;
	restoration->group = group;
	group->now = lifetime_now();
	group->wall = lifetime_wall();
	group->last_lease = store_last_lease(group->store);
	group->index->revision = store_revision(group->store);
	r = read_store(restoration);
	if (r == 0)
		*ret = take(restoration);
	return r;
}
