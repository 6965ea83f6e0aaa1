/* SPDX-License-Identifier: Apache-2.0 */
/* Running out of memory is reported, not fatal: uthash then leaves the table as it was. */
#define HASH_NONFATAL_OOM 1

#include "core/restore.h"

#include <errno.h>
#include <stdlib.h>

#include "core/lifetime.h"
#include "core/restore_state.h"
#include "datapath/datapath.h"

/* ---- 1. what is pinned ---- */

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
	pthread_rwlock_wrlock(restoration->group->lock);
	entry->slot = slot;
	pthread_rwlock_unlock(restoration->group->lock);
	return 0;
}

static int flush(struct restoration *restoration)
{
	int r = datapath_apply(restoration->group->datapath, restoration->changes,
			       restoration->n_changes);

	pthread_rwlock_wrlock(restoration->group->lock);
	for (size_t i = 0; i < restoration->n_changes; i++)
		if (restoration->inserted[i])
			restoration->inserted[i]->slot = restoration->changes[i].slot;
	pthread_rwlock_unlock(restoration->group->lock);
	restoration->n_changes = 0;
	return r;
}

static int change(struct restoration *restoration, struct datapath_change change,
		  struct index_entry *inserted)
{
	restoration->inserted[restoration->n_changes] = inserted;
	restoration->changes[restoration->n_changes++] = change;
	return restoration->n_changes == RESTORE_BATCH ? flush(restoration) : 0;
}

/* ---- 2. what nobody knows any more ---- */

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

/* ---- 3. every living mark: claimed or inserted ---- */

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

	if (!record->mark)
		return 0;
	entry = index_find(restoration->group->index, &record->mark->match);
	if (!entry || entry->revision != record->revision)
		return 0;
	if (record->mark->lifetime != MARK_FOREVER && !entry->lease)
		return -EBADMSG;
	restoration->result->marks++;
	return program_entry(restoration, entry, record->mark,
			     entry->lease ? entry->lease->index : 0);
}

/* ---- 4. leases ---- */

/* From here on they count on this boot's clock: a wall clock that jumps must not matter to them
 * again. A private one that no mark has asked for is of no use to anybody. */
static int store_leases(struct restoration *restoration)
{
	struct store *store = restoration->group->store;
	int r = store_begin(store);

	for (const struct known_lease *known = restoration->leases; r == 0 && known;
	     known = known->hh.next) {
		struct store_lease stored;

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

int restore_maps(struct restoration *restoration, struct engine_restored *ret)
{
	struct group *group = restoration->group;
	int r;

	*ret = (struct engine_restored){.marks = 0};
	restoration->result = ret;
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
