/* SPDX-License-Identifier: Apache-2.0 */
#include "service/watch_page.h"

#include <errno.h>
#include <stdlib.h>

#include "core/engine.h"
#include "rpc/call.h"
#include "service/answer.h"
#include "service/handlers.h"
#include "service/list_filter.h"
#include "service/service.h"
#include "service/wire.h"
#include "wire/write.h"

/* Of WatchMarksResponse, MarkEvents and MarkEvent. */
enum { RESPONSE_EVENTS = 3, EVENTS_EVENT = 1, EVENT_TYPE = 1, EVENT_MARK, EVENT_REASON };

void watch_pages_init(struct watch_pages *pages, const struct service *service)
{
	*pages = (struct watch_pages){.service = service};
}

static void page_done(struct watch_page *page)
{
	rpc_packed_free(page->packed);
	free(page->changes);
	*page = (struct watch_page){.from = 0};
}

void watch_pages_clear(struct watch_pages *pages)
{
	for (size_t i = 0; i < WATCH_PAGES; i++)
		page_done(&pages->pages[i]);
}

void watch_pages_done(struct watch_pages *pages)
{
	watch_pages_clear(pages);
	rpc_packed_free(pages->filtered);
	pages->filtered = NULL;
}

/* ---- reading ---- */

struct reading {
	struct watch_page *page;
	int error;
};

static bool make_room(struct watch_page *page)
{
	size_t max = page->max ? 2 * page->max : 16;
	struct watch_change *changes;

	if (page->n < page->max)
		return true;
	changes = realloc(page->changes, max * sizeof(*changes));
	if (!changes)
		return false;
	page->changes = changes;
	page->max = max;
	return true;
}

static int add_change(const struct engine_change *change, void *user)
{
	struct reading *reading = user;
	struct watch_page *page = reading->page;
	struct watch_change *added;

	if (!make_room(page)) {
		reading->error = -ENOMEM;
		return 1;
	}
	added = &page->changes[page->n++];
	added->is_removal = change->removal != NULL;
	added->deadline = change->deadline;
	if (change->removal)
		removal_copy(&added->removal, change->removal);
	else
		mark_copy(&added->mark, change->mark);
	return page->n == WATCH_EVENTS_MAX;
}

static int read_page(struct engine *engine, struct watch_page *page)
{
	struct reading reading = {.page = page};
	int error;
	uint64_t to = engine_changes(engine, page->from, page->removals_after, add_change,
				     &reading, &error);

	if (error == 0)
		error = reading.error;
	if (error < 0)
		return error;
	page->to = to;
	page->whole_at = engine_revision(engine);
	return 0;
}

static struct watch_page *find_page(struct watch_pages *pages, uint64_t from,
				    uint64_t removals_after)
{
	for (size_t i = 0; i < WATCH_PAGES; i++) {
		struct watch_page *page = &pages->pages[i];

		if (page->to > from && page->from == from &&
		    page->removals_after == removals_after)
			return page;
	}
	return NULL;
}

struct watch_page *watch_pages_get(struct watch_pages *pages, uint64_t from,
				   uint64_t removals_after, int *ret_error)
{
	/* What lies before `from` is not in the page anyway. */
	uint64_t after = removals_after > from ? removals_after : from;
	struct watch_page *page = find_page(pages, from, after);

	*ret_error = 0;
	if (page)
		return page;
	page = &pages->pages[pages->next];
	page_done(page);
	*page = (struct watch_page){.from = from, .removals_after = after};
	*ret_error = read_page(pages->service->engine, page);
	if (*ret_error < 0) {
		page_done(page);
		return NULL;
	}
	if (page->to > from)
		pages->next = (pages->next + 1) % WATCH_PAGES;
	return page;
}

/* ---- writing ---- */

static bool passes(const struct list_filter *filter, const struct watch_change *change)
{
	if (!filter)
		return true;
	if (change->is_removal)
		return list_filter_passes_lasting(filter, &change->removal.match,
						  change->removal.owner);
	return list_filter_passes_lasting(filter, &change->mark.match, change->mark.owner);
}

/* At most WIRE_MARK_ROOM and some more. */
static uint8_t *put_event(uint8_t *to, const struct watch_change *change,
			  const struct registry *registry, int64_t wall_ahead)
{
	_Static_assert((int)REMOVAL_REVOKED ==
			       WAYMARK__V1__REMOVAL_REASON__REMOVAL_REASON_REVOKED,
		       "removals are numbered as the API does");
	const struct wire_state state = {
		.expire_time = reply_expire_time(change->deadline, wall_ahead)};
	uint8_t *begin = wire_begin(to, EVENTS_EVENT);

	if (change->is_removal) {
		to = wire_put_number(begin, EVENT_TYPE,
				     WAYMARK__V1__MARK_EVENT__TYPE__TYPE_REMOVED);
		to = wire_put_removal(to, EVENT_MARK, &change->removal);
		to = wire_put_number(to, EVENT_REASON, change->removal.reason);
	} else {
		to = wire_put_number(begin, EVENT_TYPE,
				     WAYMARK__V1__MARK_EVENT__TYPE__TYPE_PUT);
		to = wire_put_mark(to, EVENT_MARK, &change->mark, registry, &state);
	}
	return wire_end(begin, to);
}

/* How many events; -ENOMEM. */
static int put_events(struct answer *answer, const struct watch_page *page,
		      const struct list_filter *filter, const struct registry *registry)
{
	const int64_t wall_ahead = reply_wall_ahead();
	int n = 0;

	for (size_t i = 0; i < page->n; i++) {
		if (!passes(filter, &page->changes[i]))
			continue;
		if (answer_reserve(answer, WIRE_MARK_ROOM + 64) < 0)
			return -ENOMEM;
		answer->end = put_event(answer->end, &page->changes[i], registry, wall_ahead);
		n++;
	}
	return n;
}

/* NULL and 0: nothing passes. */
static int pack(const struct watch_pages *pages, const struct watch_page *page,
		const struct list_filter *filter, struct rpc_packed **ret)
{
	struct answer answer;
	size_t begin;
	int r = answer_init(&answer, pages->service, page->to);

	*ret = NULL;
	if (r < 0)
		return r;
	answer.end = wire_begin(answer.end, RESPONSE_EVENTS);
	begin = (size_t)(answer.end - answer.octets);
	r = put_events(&answer, page, filter, pages->service->registry);
	if (r > 0 && answer_reserve(&answer, WIRE_VARINT_MAX) == 0) {
		answer.end = wire_end(answer.octets + begin, answer.end);
		*ret = answer_pack(&answer);
	}
	answer_done(&answer);
	return r == 0 || *ret ? 0 : -ENOMEM;
}

int watch_page_pack(struct watch_pages *pages, struct watch_page *page,
		    const struct list_filter *filter, const struct rpc_packed **ret_packed)
{
	struct rpc_packed **packed = filter ? &pages->filtered : &page->packed;
	int r = 0;

	if (filter) {
		rpc_packed_free(*packed);
		*packed = NULL;
	}
	if (!*packed)
		r = pack(pages, page, filter, packed);
	*ret_packed = *packed;
	return r;
}
