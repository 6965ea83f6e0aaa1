/* SPDX-License-Identifier: Apache-2.0 */
#include "core/audit.h"

#include <stdlib.h>

#include "core/index.h"
#include "core/lease_queue.h"
#include "core/lifetime.h"
#include "store/store.h"

/* Marks in a slice: some hundred microseconds of the writer's time. */
enum { SLICE = 256 };

struct slice {
	struct group *group;
	struct datapath_expected expected[SLICE];
	size_t n, records, put_in;
	uint64_t last;
};

static uint32_t deadline_of(const struct index_entry *entry)
{
	return entry->lease ? entry->lease->index : 0;
}

/* A rollback that failed has left it without an entry in the maps. */
static void put_in(struct slice *slice, struct index_entry *entry,
		   const struct mark_action *action)
{
	struct datapath_change change = {.verb = DATAPATH_INSERT,
					 .match = &entry->match,
					 .action = *action,
					 .lease = deadline_of(entry)};

	if (datapath_apply(slice->group->datapath, &change, 1) < 0)
		return;
	pthread_rwlock_wrlock(slice->group->lock);
	entry->slot = change.slot;
	pthread_rwlock_unlock(slice->group->lock);
	slice->put_in++;
}

static int expect(const struct store_record *record, void *user)
{
	struct slice *slice = user;
	struct index_entry *entry = NULL;

	slice->last = record->revision;
	if (record->mark)
		entry = index_find(slice->group->index, &record->mark->match);
	if (!entry || entry->revision != record->revision)
		return ++slice->records == SLICE;
	if (entry->slot == 0)
		put_in(slice, entry, &record->mark->action);
	else
		slice->expected[slice->n++] =
			(struct datapath_expected){.match = &entry->match,
						   .action = record->mark->action,
						   .slot = entry->slot,
						   .lease = deadline_of(entry)};
	return ++slice->records == SLICE;
}

/* Are the next marks in the maps? Without any the program itself is still to be looked at. */
static int check_marks(struct audit *audit, struct group *group)
{
	struct slice slice = {.group = group, .last = audit->revision};
	int r = store_scan(group->store, audit->revision, expect, &slice);

	if (r < 0)
		return r;
	audit->revision = slice.last;
	audit->sweeping = slice.records == 0;
	r = datapath_audit(group->datapath, slice.expected, slice.n);
	return r < 0 ? r : r + (int)slice.put_in;
}

static bool is_known(const struct match *match, uint32_t slot, void *user)
{
	const struct group *group = user;
	const struct index_entry *entry = index_find(group->index, match);

	return entry && entry->slot == slot;
}

static void end_round(struct audit *audit)
{
	audit->next = audit->started + audit->interval;
	audit->sweeping = false;
	audit->revision = 0;
	audit->cursor = (struct datapath_cursor){.networks = false};
	audit->round_repairs = 0;
}

uint64_t audit_slice(struct audit *audit, struct group *group)
{
	uint64_t repairs;
	bool end = false;
	int r;

	if (audit->revision == 0 && !audit->sweeping)
		audit->started = lifetime_now();
	if (audit->sweeping)
		r = datapath_sweep(group->datapath, &audit->cursor, SLICE, is_known, group,
				   &end);
	else
		r = check_marks(audit, group);
	if (r > 0)
		audit->round_repairs += (uint64_t)r;
	/* An error, for instance of the store, ends the round; the next one finds the rest. */
	if (!end && r >= 0)
		return 0;
	repairs = audit->round_repairs;
	atomic_fetch_add(&audit->repairs, repairs);
	end_round(audit);
	return repairs;
}
