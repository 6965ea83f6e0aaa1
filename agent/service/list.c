/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ListMarks: one page of the scan in revision order.
 */
#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "core/engine.h"
#include "service/list_filter.h"
#include "service/handlers.h"
#include "service/page_token.h"
#include "service/service.h"
#include "service/wire.h"

/* A page being filled. */
struct page {
	struct list_filter filter;
	size_t size; /* marks at most */
	struct mark *marks;
	size_t n;
	bool more; /* the scan found one mark beyond the page */
};

static int add_mark(const struct mark *mark, void *user)
{
	struct page *page = user;

	if (!list_filter_passes(&page->filter, mark))
		return 0;
	if (page->n == page->size) {
		page->more = true;
		return 1;
	}
	page->marks[page->n++] = *mark;
	return 0;
}

/* Turns the page's marks into messages; wires and messages have room for them. */
static void write_marks(const struct page *page, const struct service *service, bool counted,
			struct wire_mark *wires, Waymark__V1__Mark **messages)
{
	for (size_t i = 0; i < page->n; i++) {
		const struct mark *mark = &page->marks[i];
		struct traffic_count counters;
		int64_t deadline;

		engine_volatile(service->engine, &mark->match, &counters, &deadline);
		wire_write_mark(&wires[i], mark, service->registry);
		wire_write_state(&wires[i], counted ? &counters : NULL,
				 reply_expire_time(deadline));
		messages[i] = &wires[i].message;
	}
}

static void reply_page(struct rpc_call *call, const struct page *page, bool counted,
		       struct page_token *token, uint64_t revision)
{
	const struct service *service = rpc_call_service(call);
	Waymark__V1__ListMarksResponse response = WAYMARK__V1__LIST_MARKS_RESPONSE__INIT;
	Waymark__V1__ResponseHeader header;
	char next[PAGE_TOKEN_TEXT_SIZE];
	cleanup(free_bytes) struct wire_mark *wires = calloc(page->n + 1, sizeof(*wires));
	cleanup(free_bytes) Waymark__V1__Mark **messages =
		calloc(page->n + 1, sizeof(*messages));

	if (!wires || !messages) {
		reply_out_of_memory(call);
		return;
	}
	reply_header(&header, service, revision);
	write_marks(page, service, counted, wires, messages);
	response.header = &header;
	response.marks = messages;
	response.n_marks = page->n;
	if (page->more) {
		token->position = page->marks[page->n - 1].revision;
		page_token_write(token, next);
		response.next_page_token = next;
	}
	rpc_call_finish(call, NULL, &response.base);
}

void handle_list_marks(struct rpc_call *call, const ProtobufCMessage *message)
{
	const Waymark__V1__ListMarksRequest *request =
		(const Waymark__V1__ListMarksRequest *)message;
	const struct service *service = rpc_call_service(call);
	struct page page = {.size = service_page_size(request->page_size)};
	struct page_token token = {.position = 0};
	uint64_t after = 0, revision = engine_revision(service->engine);
	bool counted;
	struct fault fault;
	int r = list_filter_read(request, service->registry, &page.filter, &fault);

	if (r == 0) {
		engine_state_id(service->engine, token.state_id);
		token.filter = list_filter_fingerprint(&page.filter);
		r = page_token_resume(request->page_token, &token, &after, &fault);
	}
	if (r < 0) {
		reply_fault(call, &fault);
		return;
	}
	counted = request->with_counters && engine_is_started(service->engine);
	page.marks = calloc(page.size, sizeof(*page.marks));
	r = page.marks ? engine_scan(service->engine, after, add_mark, &page) : -ENOMEM;
	if (r < 0)
		reply_store(call, r);
	else
		reply_page(call, &page, counted, &token, revision);
	free(page.marks);
}
