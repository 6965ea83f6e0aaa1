/* SPDX-License-Identifier: Apache-2.0 */
/* Running out of memory is reported, not fatal: uthash then leaves the table as it was. */
#define HASH_NONFATAL_OOM 1

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
	struct lease *lease; /* NULL: it is private, and no mark has asked for it yet */
	struct store_lease stored;
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
	bool rebooted; /* some lease counts on the clock of another boot */
	struct stray *strays;
	size_t n_strays, max_strays;
	struct datapath_change changes[BATCH];
	struct index_entry *inserted[BATCH]; /* whose slots the changes bring */
	size_t n_changes;
};

/* ---- 1. index: the last record of each match; owners ---- */

static int index_mark(struct index *index, const struct mark *mark, struct index_owner *owner)
{
	struct index_entry *entry = index_find(index, &mark->match);
	int r = 0;

	/* A mark that was cleared and made anew may have got another owner. */
	if (entry && entry->owner != owner) {
		index_remove(index, entry);
		entry = NULL;
	}
	if (!entry) {
		entry = index_entry_new(&mark->match, owner);
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
	return 0;
}

static int index_record(const struct store_record *record, void *user)
{
	struct index *index = ((struct restoration *)user)->group->index;
	struct index_owner *owner = index_make_owner(
		index, record->mark ? record->mark->owner : record->removal->owner);
	struct index_entry *entry;

	if (!owner)
		return -ENOMEM;
	owner->changed = record->revision;
	if (record->mark)
		return index_mark(index, record->mark, owner);
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
	struct known_lease *known, *next;
	int r = 0;

	HASH_ITER (hh, restoration->leases, known, next) {
		if (r == 0 && !known->stored.is_private)
			r = make_shared(restoration->group, known);
	}
	return r;
}

/* From here on they count on this boot's clock: a wall clock that jumps must not matter to them
 * again. A private one that no mark has asked for is of no use to anybody. */
static int store_leases(struct restoration *restoration)
{
	struct store *store = restoration->group->store;
	struct known_lease *known, *next;
	int r = store_begin(store);

	HASH_ITER (hh, restoration->leases, known, next) {
		struct store_lease stored;

		if (r < 0)
			break;
		if (!known->lease) {
			r = store_remove_lease(store, known->id);
			continue;
		}
		lifetime_stored(restoration->group, known->lease, known->stored.owner, &stored);
		r = store_put_lease(store, &stored);
	}
	if (r == 0)
		return store_commit(store);
	store_abort(store);
	return r;
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
		r = make_private(restoration->group, known);
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

static int program_entry(struct restoration *restoration, struct index_entry *entry,
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
	return program_entry(restoration, entry, record->mark, lease ? lease->index : 0);
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

static int restore_index(struct restoration *restoration)
{
	struct store *store = restoration->group->store;
	int r = store_scan(store, 0, index_record, restoration);

	if (r == 0)
		r = store_each_owner(store, index_fence, restoration);
	if (r == 0)
		r = store_each_lease(store, know_lease, restoration);
	return r == 0 ? make_shared_leases(restoration) : r;
}

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
	r = restore_index(restoration);
	if (r == 0)
		r = datapath_each_pinned(group->datapath, note_pinned, restoration);
	/* First, for they take room. */
	if (r == 0)
		r = remove_strays(restoration);
	if (r == 0)
		r = store_scan(group->store, 0, program_record, restoration);
	if (r == 0)
		r = flush(restoration);
	/* A store that cannot be written now is no reason not to start. */
	if (r == 0 && restoration->rebooted)
		(void)store_leases(restoration);
	return r;
}
