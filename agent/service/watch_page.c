/* SPDX-License-Identifier: Apache-2.0 */
#include "service/watch_page.h"

#include <errno.h>
#include <stdlib.h>

#include "core/engine.h"
#include "rpc/call.h"
#include "service/handlers.h"
#include "service/list_filter.h"
#include "service/service.h"
#include "service/wire.h"

/* Where a message is put together. */
struct watch_writer {
	struct rpc_packed *filtered; /* made last */
	struct wire_mark wires[WATCH_EVENTS_MAX];
	Waymark__V1__MarkEvent events[WATCH_EVENTS_MAX];
	Waymark__V1__MarkEvent *messages[WATCH_EVENTS_MAX];
};

int watch_pages_init(struct watch_pages *pages, const struct service *service)
{
	struct watch_writer *writer = malloc(sizeof(*writer));

	if (!writer)
		return -ENOMEM;
	writer->filtered = NULL;
	*pages = (struct watch_pages){.service = service, .writer = writer};
	return 0;
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
	if (pages->writer)
		rpc_packed_free(pages->writer->filtered);
	free(pages->writer);
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
		added->removal = *change->removal;
	else
		added->mark = *change->mark;
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

static void write_event(Waymark__V1__MarkEvent *event, struct wire_mark *wire,
			const struct watch_change *change, const struct registry *registry)
{
	_Static_assert((int)REMOVAL_REVOKED ==
			       WAYMARK__V1__REMOVAL_REASON__REMOVAL_REASON_REVOKED,
		       "removals are numbered as the API does");

	waymark__v1__mark_event__init(event);
	if (change->is_removal) {
		wire_write_removal(wire, &change->removal);
		event->type = WAYMARK__V1__MARK_EVENT__TYPE__TYPE_REMOVED;
		event->reason = (Waymark__V1__RemovalReason)change->removal.reason;
	} else {
		wire_write_mark(wire, &change->mark, registry);
		wire_write_state(wire, NULL, reply_expire_time(change->deadline));
		event->type = WAYMARK__V1__MARK_EVENT__TYPE__TYPE_PUT;
	}
	event->mark = &wire->message;
}

static size_t write_events(struct watch_writer *writer, const struct watch_page *page,
			   const struct list_filter *filter, const struct registry *registry)
{
	size_t n = 0;

	for (size_t i = 0; i < page->n; i++) {
		if (!passes(filter, &page->changes[i]))
			continue;
		write_event(&writer->events[n], &writer->wires[n], &page->changes[i], registry);
		writer->messages[n] = &writer->events[n];
		n++;
	}
	return n;
}

/* NULL and 0: nothing passes. */
static int pack(struct watch_pages *pages, const struct watch_page *page,
		const struct list_filter *filter, struct rpc_packed **ret)
{
	Waymark__V1__WatchMarksResponse response = WAYMARK__V1__WATCH_MARKS_RESPONSE__INIT;
	Waymark__V1__MarkEvents events = WAYMARK__V1__MARK_EVENTS__INIT;
	Waymark__V1__ResponseHeader header;

	events.n_events = write_events(pages->writer, page, filter, pages->service->registry);
	events.events = pages->writer->messages;
	*ret = NULL;
	if (events.n_events == 0)
		return 0;
	reply_header(&header, pages->service, page->to);
	response.header = &header;
	response.content_case = WAYMARK__V1__WATCH_MARKS_RESPONSE__CONTENT_EVENTS;
	response.events = &events;
	*ret = rpc_pack(&response.base);
	return *ret ? 0 : -ENOMEM;
}

int watch_page_pack(struct watch_pages *pages, struct watch_page *page,
		    const struct list_filter *filter, const struct rpc_packed **ret_packed)
{
	struct rpc_packed **packed = filter ? &pages->writer->filtered : &page->packed;
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
