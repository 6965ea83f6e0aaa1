/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes for watches: a page of the store's records, of which the index says what still holds.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "cleanup.h"
#include "core/engine_state.h"
#include "store/store.h"

/* What is taken out of the store at a time: neither a read transaction nor the lock is held
 * while `each` works. */
enum { PAGE_CHANGES = 1024, PAGE_RECORDS = 4096 };

/* A record that may be passed. */
struct change {
	uint64_t revision;
	bool is_removal;
	bool holds; /* a mark that is still as this revision made it; a removal */
	int64_t deadline;
	union {
		struct mark mark;
		struct removal removal;
	};
};

struct change_page {
	uint64_t removals_after;
	size_t n, records;
	uint64_t last; /* revision of the last record looked at */
	struct change changes[PAGE_CHANGES];
};

static int add_record(const struct store_record *record, void *user)
{
	struct change_page *page = user;
	struct change *change = &page->changes[page->n];

	page->last = record->revision;
	if (record->mark) {
		mark_copy(&change->mark, record->mark);
		change->is_removal = false;
	} else if (record->revision > page->removals_after) {
		removal_copy(&change->removal, record->removal);
		change->is_removal = true;
	}
	if (record->mark || record->revision > page->removals_after) {
		change->revision = record->revision;
		page->n++;
	}
	return ++page->records == PAGE_RECORDS || page->n == PAGE_CHANGES;
}

/* entry: what the index has of its match. */
static void judge(struct change *change, const struct index_entry *entry)
{
	change->holds = change->is_removal;
	change->deadline = 0;
	if (change->is_removal || !entry || entry->revision != change->revision)
		return;
	change->holds = true;
	if (entry->lease)
		change->deadline = entry->lease->deadline;
}

/* The store is a moment ahead of the index while a group is being published. What the index
 * does not know yet is left for the next call: it could not be told from what is overtaken. */
static void keep_published(struct engine *engine, struct change_page *page)
{
	_Static_assert(offsetof(struct mark, match) == offsetof(struct removal, match),
		       "removals are looked up like marks");
	struct index_entry *entries[PAGE_CHANGES];

	pthread_rwlock_rdlock(&engine->lock);
	if (page->last > engine->index.revision)
		page->last = engine->index.revision;
	while (page->n > 0 && page->changes[page->n - 1].revision > page->last)
		page->n--;
	index_find_many(&engine->index, &page->changes->mark.match, sizeof(*page->changes),
			page->n, entries);
	for (size_t i = 0; i < page->n; i++)
		judge(&page->changes[i], entries[i]);
	pthread_rwlock_unlock(&engine->lock);
}

static int pass(const struct change *change,
		int (*each)(const struct engine_change *change, void *user), void *user)
{
	struct engine_change passed = {.revision = change->revision,
				       .deadline = change->deadline};

	if (change->is_removal)
		passed.removal = &change->removal;
	else
		passed.mark = &change->mark;
	return each(&passed, user);
}

static int read_page(struct engine *engine, uint64_t after, struct change_page *page)
{
	struct store *store = engine->group.store;
	int r = store_scan(store, after, add_record, page);

	if (r < 0)
		return r;
	/* Asked after the records were read: what was dropped before is known here. */
	if (store_compact_revision(store) >
	    (after > page->removals_after ? after : page->removals_after))
		return -ESTALE;
	keep_published(engine, page);
	return 0;
}

uint64_t engine_changes(struct engine *engine, uint64_t after, uint64_t removals_after,
			int (*each)(const struct engine_change *change, void *user), void *user,
			int *ret_error)
{
	cleanup(free_bytes) struct change_page *page = malloc(sizeof(*page));
	int r = -ENOMEM;

	if (page) {
		page->removals_after = removals_after;
		page->n = page->records = 0;
		page->last = after;
		r = read_page(engine, after, page);
	}
	*ret_error = r < 0 ? r : 0;
	if (r < 0)
		return after;
	for (size_t i = 0; i < page->n; i++)
		if (page->changes[i].holds && pass(&page->changes[i], each, user) != 0)
			return page->changes[i].revision;
	return page->last > after ? page->last : after;
}
