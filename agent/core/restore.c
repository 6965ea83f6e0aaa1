/* SPDX-License-Identifier: Apache-2.0 */
#include "core/restore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "core/index.h"
#include "core/lease_queue.h"
#include "core/lifetime.h"
#include "datapath/datapath.h"
#include "store/store.h"

/* Marks that are programmed at a time. */
enum { BATCH = 1024 };

/* A lease of the store, by its id. */
struct known_lease {
	uint64_t id; /* the key */
	struct lease *lease; /* NULL: no mark has asked for it yet */
	uint64_t ttl;
	int64_t deadline;
	UT_hash_handle hh;
};

/* A pinned entry that the store does not know. */
struct stray {
	struct match match;
	uint32_t slot;
};

struct restoration {
	struct group *group;
	struct engine_restored *result;
	struct known_lease *leases;
	struct stray *strays;
	size_t n_strays, max_strays;
	struct datapath_change changes[BATCH];
	struct index_entry *inserted[BATCH]; /* whose slots the changes bring */
	size_t n_changes;
};

/* ---- 1. index: the last record of each match ---- */

static int index_record(const struct store_record *record, void *user)
{
	struct index *index = ((struct restoration *)user)->group->index;
	const struct match *match =
		record->mark ? &record->mark->match : &record->removal->match;
	struct index_entry *entry = index_find(index, match);

	if (record->mark && !entry)
		return index_add(index, match, record->mark->owner, 0, record->revision);
	if (record->mark)
		entry->revision = record->revision;
	else if (entry)
		index_remove(index, entry);
	return 0;
}

/* ---- 2. leases: their deadlines on this boot's clock ---- */

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
	known->ttl = stored->ttl;
	known->deadline = deadline_now(restoration->group, stored);
	HASH_ADD(hh, restoration->leases, id, sizeof(known->id), known);
	return 0;
}

static int make_lease(struct group *group, struct known_lease *known)
{
	cleanup(free_bytes) struct lease *lease = calloc(1, sizeof(*lease));
	int r = lease ? datapath_lease_take(group->datapath, &lease->index) : -ENOMEM;

	if (r < 0)
		return r;
	lease->id = known->id;
	lease->ttl = known->ttl;
	lease->deadline = known->deadline;
	datapath_lease_set(group->datapath, lease->index, lease->deadline);
	r = lease_queue_add(group->leases, lease);
	if (r < 0)
		return r;
	known->lease = take(lease);
	return 0;
}

/* The lease that a mark hangs on; *ret is NULL for those that live for ever. */
static int lease_of(struct restoration *restoration, const struct mark *mark,
		    struct lease **ret)
{
	struct known_lease *known = NULL;
	int r = 0;

	*ret = NULL;
	if (mark->lifetime == MARK_FOREVER)
		return 0;
	HASH_FIND(hh, restoration->leases, &mark->lease, sizeof(mark->lease), known);
	if (!known)
		return -EBADMSG;
	if (!known->lease)
		r = make_lease(restoration->group, known);
	*ret = known->lease;
	return r;
}

/* ---- 3. what is pinned ---- */

static int note_stray(struct restoration *restoration, const struct match *match, uint32_t slot)
{
	if (restoration->n_strays == restoration->max_strays) {
		size_t max = restoration->max_strays ? 2 * restoration->max_strays : 64;
		struct stray *grown = reallocarray(restoration->strays, max, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		restoration->strays = grown;
		restoration->max_strays = max;
	}
	restoration->strays[restoration->n_strays++] =
		(struct stray){.match = *match, .slot = slot};
	return 0;
}

static int note_pinned(const struct match *match, uint32_t slot, void *user)
{
	struct restoration *restoration = user;
	struct index_entry *entry = index_find(restoration->group->index, match);

	if (!entry)
		return note_stray(restoration, match, slot);
	entry->slot = slot;
	return 0;
}

static int flush(struct restoration *restoration)
{
	int r = datapath_apply(restoration->group->datapath, restoration->changes,
			       restoration->n_changes);

	for (size_t i = 0; i < restoration->n_changes; i++)
		if (restoration->inserted[i])
			restoration->inserted[i]->slot = restoration->changes[i].slot;
	restoration->n_changes = 0;
	return r;
}

static int change(struct restoration *restoration, struct datapath_change change,
		  struct index_entry *inserted)
{
	restoration->inserted[restoration->n_changes] = inserted;
	restoration->changes[restoration->n_changes++] = change;
	return restoration->n_changes == BATCH ? flush(restoration) : 0;
}

/* ---- 4. what nobody knows any more ---- */

static int remove_strays(struct restoration *restoration)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < restoration->n_strays; i++) {
		const struct stray *stray = &restoration->strays[i];

		r = change(restoration,
			   (struct datapath_change){.verb = DATAPATH_REMOVE,
						    .match = &stray->match,
						    .slot = stray->slot},
			   NULL);
	}
	restoration->result->stray = restoration->n_strays;
	return r == 0 ? flush(restoration) : r;
}

/* ---- 5. every living mark: claimed or inserted ---- */

static int program(struct restoration *restoration, struct index_entry *entry,
		   const struct mark *mark, uint32_t lease)
{
	if (entry->slot && datapath_claim(restoration->group->datapath, &entry->match,
					  entry->slot, &mark->action, lease) == 0) {
		restoration->result->adopted++;
		return 0;
	}
	return change(restoration,
		      (struct datapath_change){.verb = DATAPATH_INSERT,
					       .match = &entry->match,
					       .action = mark->action,
					       .lease = lease},
		      entry);
}

static int program_record(const struct store_record *record, void *user)
{
	struct restoration *restoration = user;
	struct index_entry *entry;
	struct lease *lease;
	int r;

	if (!record->mark)
		return 0;
	entry = index_find(restoration->group->index, &record->mark->match);
	if (!entry || entry->revision != record->revision)
		return 0;
	r = lease_of(restoration, record->mark, &lease);
	if (r < 0)
		return r;
	index_set_lease(entry, lease);
	restoration->result->marks++;
	return program(restoration, entry, record->mark, lease ? lease->index : 0);
}

static void free_restoration(struct restoration *restoration)
{
	struct known_lease *known, *next;

	HASH_ITER (hh, restoration->leases, known, next) {
		HASH_DEL(restoration->leases, known);
		free(known);
	}
	free(restoration->strays);
	free(restoration);
}

DEFINE_CLEANUP(cleanup_restoration, struct restoration *, free_restoration)

int restore(struct group *group, struct engine_restored *ret)
{
	cleanup(cleanup_restoration) struct restoration *restoration =
		calloc(1, sizeof(*restoration));
	int r;

	if (!restoration)
		return -ENOMEM;
	*ret = (struct engine_restored){.marks = 0};
	restoration->group = group;
	restoration->result = ret;
	group->now = lifetime_now();
	group->wall = lifetime_wall();
	group->last_lease = store_last_lease(group->store);
	group->index->revision = store_revision(group->store);
	r = store_scan(group->store, 0, index_record, restoration);
	if (r == 0)
		r = store_each_lease(group->store, know_lease, restoration);
	if (r == 0)
		r = datapath_each_pinned(group->datapath, note_pinned, restoration);
	/* First, for they take room. */
	if (r == 0)
		r = remove_strays(restoration);
	if (r == 0)
		r = store_scan(group->store, 0, program_record, restoration);
	return r == 0 ? flush(restoration) : r;
}
