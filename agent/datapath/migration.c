/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/migration.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <marker.skel.h>

#include "cleanup.h"
#include "datapath/message.h"
#include "datapath/old_maps.h"
#include "datapath/shared.h"
#include "datapath/state.h"
#include "failpoint.h"

DEFINE_CLEANUP(close_old_maps, struct old_maps *, old_maps_close)

/* ---- the old sets ---- */

static int old_open(const struct pins_path *folder, struct old_maps **ret)
{
	int error = old_maps_open(folder->text, ret);

	if (error && error != -ENOENT)
		message_say("cannot open the maps in %s: %s\n", folder->text, strerror(-error));
	return error;
}

/* Of half a set everything has been taken: the one who let it go was killed over it. */
static int old_find(struct migration *migration, const struct marker *programs, unsigned number)
{
	struct pins_path folder = pins_old_folder(migration->pin_dir, number);
	struct old_maps *old;
	int error = old_open(&folder, &old);

	if (error == -ENOENT)
		return pins_old_drop(programs, migration->pin_dir, number);
	if (error)
		return error;
	old->number = number;
	migration->old[migration->n++] = old;
	return 0;
}

int migration_init(struct migration *migration, const struct marker *programs,
		   const char *pin_dir)
{
	unsigned numbers[PINS_OLD_MAX], n;
	int error = 0;

	*migration = (struct migration){0};
	if (!pin_dir)
		return 0;
	migration->pin_dir = strdup(pin_dir);
	if (!migration->pin_dir)
		return -ENOMEM;
	n = pins_old_list(pin_dir, numbers);
	for (unsigned i = 0; i < n && !error; i++)
		error = old_find(migration, programs, numbers[i]);
	return error;
}

void migration_done(struct migration *migration)
{
	for (unsigned i = 0; i < migration->n; i++)
		old_maps_close(migration->old[i]);
	free(migration->pin_dir);
	*migration = (struct migration){0};
}

/* ---- copying ---- */

struct copy {
	struct datapath *datapath;
	const struct old_maps *old;
	struct table *table; /* the one that is filled */
	uint32_t *lease_of; /* [old index]; 0: not copied yet */
	uint32_t slots, leases; /* handed out so far; index 0 is nobody's */
};

static uint32_t lease_copy(struct copy *copy, uint64_t index)
{
	const struct old_column *words = &copy->old->leases;

	if (!index || index >= words->entries)
		return 0;
	if (!copy->lease_of[index]) {
		copy->lease_of[index] = ++copy->leases;
		shared_store(&copy->datapath->maps.leases[copy->leases],
			     old_maps_word(words, (uint32_t)index));
	}
	return copy->lease_of[index];
}

/* Numbers are given anew: those of a larger set might not exist in a smaller one. */
static uint32_t slot_copy(struct copy *copy, enum mark_kind kind, uint32_t slot)
{
	uint64_t word = old_maps_word(&copy->old->words, slot);
	uint64_t lease = lease_copy(copy, word >> WORD_LEASE_SHIFT);

	rows_write(&copy->datapath->rows, ++copy->slots, kind,
		   (word & ((1ull << WORD_LEASE_SHIFT) - 1)) | lease << WORD_LEASE_SHIFT);
	return copy->slots;
}

static int batch_copy(struct copy *copy)
{
	struct table_batch *batch = copy->datapath->batch;

	table_insert(copy->table, batch);
	for (size_t i = 0; i < batch->n; i++)
		if (batch->errors[i])
			return batch->errors[i];
	batch->n = 0;
	return 0;
}

static int entry_copy(const struct entry *entry, void *user)
{
	struct copy *copy = user;
	struct match match;
	uint32_t slot;

	if (!old_maps_read(copy->old, entry, &match, &slot))
		return 0; /* no agent has made it */
	table_batch_add(copy->datapath->batch, copy->table, &match,
			slot_copy(copy, match.kind, slot));
	return copy->datapath->batch->n < TABLE_BATCH ? 0 : batch_copy(copy);
}

static int table_copy(struct copy *copy, const struct table *from, struct table *to)
{
	struct table old = *from;
	int error;

	copy->table = to;
	copy->datapath->batch->n = 0;
	error = table_each(&old, entry_copy, copy);
	return error ? error : batch_copy(copy);
}

static int fits(const struct table *from, const struct table *to, const char *what)
{
	if (from->used <= to->capacity)
		return 0;
	message_say("capacity.%s: %u is too small: %u are in force\n", what, to->capacity,
		    from->used);
	return -ENOSPC;
}

/* Kinds and filter come from the entries, the pairs from the registry. */
static void words_copy(const struct copy *copy)
{
	const struct maps *maps = &copy->datapath->maps;

	shared_store(&maps->common->shortest_prefix, copy->old->shortest_prefix);
	shared_store(&maps->common->observe, copy->old->observe);
	shared_store(&maps->control[CONTROL_SINCE], copy->old->since);
}

static int maps_copy(struct datapath *datapath, const struct old_maps *old)
{
	cleanup(free_bytes) uint32_t *lease_of = calloc(old->leases.entries, sizeof(*lease_of));
	struct copy copy = {.datapath = datapath, .old = old, .lease_of = lease_of};
	int error = lease_of ? 0 : -ENOMEM;

	if (!error)
		error = fits(&old->matches, &datapath->matches, "marks");
	if (!error)
		error = fits(&old->networks, &datapath->networks, "networks");
	if (!error)
		error = table_copy(&copy, &old->matches, &datapath->matches);
	if (!error)
		error = table_copy(&copy, &old->networks, &datapath->networks);
	if (!error)
		words_copy(&copy);
	return error;
}

int migration_copy(struct datapath *datapath)
{
	struct pins_path folder = pins_folder(datapath->migration.pin_dir);
	cleanup(close_old_maps) struct old_maps *old = NULL;
	int error = old_open(&folder, &old);

	return error ? error : maps_copy(datapath, old);
}

int migration_commit(struct datapath *datapath)
{
	struct migration *migration = &datapath->migration;
	unsigned number;
	int error = pins_replace(datapath->programs, migration->pin_dir, &number);

	FAILPOINT("while-migrating");
	return error ? error : old_find(migration, datapath->programs, number);
}

/* ---- counting ---- */

struct count {
	struct datapath *datapath;
	const struct old_maps *old;
};

/* The slot of our own entry with this key, or 0: that mark is no more. */
static uint32_t slot_now(const struct datapath *datapath, const struct entry *old)
{
	const struct table *table =
		old->kind == ENTRY_NETWORK ? &datapath->networks : &datapath->matches;
	struct entry own = *old;
	struct match match;
	uint32_t slot;

	if (table_get(table, old, &own.value) || !entry_read(&own, &match, &slot) ||
	    slot >= datapath->slot_count)
		return 0;
	return slot;
}

static int entry_count(const struct entry *entry, void *user)
{
	const struct count *count = user;
	struct match match;
	uint32_t old, slot;

	if (!old_maps_read(count->old, entry, &match, &old) ||
	    !old_maps_has_counted(count->old, old))
		return 0;
	slot = slot_now(count->datapath, entry);
	if (slot)
		old_maps_move(&count->old->marked, old,
			      &count->datapath->maps.marks[slot].traffic);
	return 0;
}

static int marks_count(struct datapath *datapath, const struct old_maps *old)
{
	struct count count = {datapath, old};
	struct table matches = old->matches, networks = old->networks;
	int error = table_each(&matches, entry_count, &count);

	return error ? error : table_each(&networks, entry_count, &count);
}

int migration_count_marks(struct datapath *datapath)
{
	int error = 0;

	for (unsigned i = 0; i < datapath->migration.n && !error; i++)
		error = marks_count(datapath, datapath->migration.old[i]);
	return error;
}

static void totals_count(const struct maps *maps, const struct old_maps *old)
{
	struct common_stripe *stripe = maps->common->stripes;

	for (uint32_t pair = 0; pair < PAIRS; pair++) {
		old_maps_move(&old->sent, pair, &stripe->sent[pair]);
		old_maps_move(&old->observed, pair, &maps->observed_traffic[pair]);
	}
	for (uint32_t ifindex = 0; ifindex < INTERFACES; ifindex++)
		old_maps_move_interface(old, ifindex, &stripe->interfaces[ifindex]);
}

static int old_leave(struct datapath *datapath, struct old_maps *old)
{
	int error = marks_count(datapath, old);

	if (error)
		return error;
	FAILPOINT("while-migrating");
	totals_count(&datapath->maps, old);
	FAILPOINT("while-migrating");
	return pins_old_drop(datapath->programs, datapath->migration.pin_dir, old->number);
}

int datapath_leave_old_maps(struct datapath *datapath)
{
	struct migration *migration = &datapath->migration;
	int error = 0;

	if (migration->n)
		shared_wait();
	while (migration->n && !error) {
		struct old_maps *old = migration->old[migration->n - 1];

		error = old_leave(datapath, old);
		if (error)
			break;
		old_maps_close(old);
		migration->n--;
	}
	return error;
}
