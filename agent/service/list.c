/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ListMarks: one page of the scan in revision order.
 */
#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "core/engine.h"
#include "service/answer.h"
#include "service/handlers.h"
#include "service/list_filter.h"
#include "service/page_token.h"
#include "service/service.h"
#include "service/wire.h"
#include "wire/write.h"

/* Of ListMarksResponse. */
enum { RESPONSE_MARKS = 2, RESPONSE_NEXT_PAGE_TOKEN };

/* A page being filled. */
struct page {
	struct list_filter filter;
	const struct registry *registry;
	bool counted;
	int64_t wall_ahead;
	size_t size; /* marks at most */
	struct answer answer;
	size_t n; /* in the answer */
	uint64_t last; /* revision of the last one */
	bool more; /* the scan found one mark beyond the page */
};

static int add_mark(const struct engine_mark *found, void *user)
{
	struct page *page = user;
	const struct wire_state state = {
		.counters = page->counted ? &found->counters : NULL,
		.expire_time = reply_expire_time(found->deadline, page->wall_ahead)};

	if (!list_filter_passes(&page->filter, &found->mark))
		return 0;
	if (page->n == page->size) {
		page->more = true;
		return 1;
	}
	if (answer_reserve(&page->answer, WIRE_MARK_ROOM) < 0)
		return -ENOMEM;
	page->answer.end = wire_put_mark(page->answer.end, RESPONSE_MARKS, &found->mark,
					 page->registry, &state);
	page->last = found->mark.revision;
	page->n++;
	return 0;
}

/* Fills the page with what comes after a revision. 0 or negative errno. */
static int fill(struct page *page, const struct service *service, struct page_token *token,
		uint64_t after)
{
	char next[PAGE_TOKEN_TEXT_SIZE];
	int r = answer_init(&page->answer, service, engine_revision(service->engine));

	if (r == 0)
		r = engine_scan(service->engine, after, add_mark, page);
	if (r < 0 || !page->more)
		return r;
	token->position = page->last;
	page_token_write(token, next);
	r = answer_reserve(&page->answer, sizeof(next) + WIRE_VARINT_MAX);
	if (r == 0)
		page->answer.end =
			wire_put_text(page->answer.end, RESPONSE_NEXT_PAGE_TOKEN, next);
	return r;
}

void handle_list_marks(struct rpc_call *call, const ProtobufCMessage *message)
{
	const Waymark__V1__ListMarksRequest *request =
		(const Waymark__V1__ListMarksRequest *)message;
	const struct service *service = rpc_call_service(call);
	struct page page = {.registry = service->registry,
			    .wall_ahead = reply_wall_ahead(),
			    .size = service_page_size(request->page_size)};
	struct page_token token = {.position = 0};
	uint64_t after = 0;
	struct fault fault;
	int r = list_filter_read(request, page.registry, &page.filter, &fault);

	if (r == 0) {
		engine_state_id(service->engine, token.state_id);
		token.filter = list_filter_fingerprint(&page.filter);
		r = page_token_resume(request->page_token, &token, &after, &fault);
	}
	if (r < 0) {
		reply_fault(call, &fault);
		return;
	}
	page.counted = request->with_counters && engine_is_started(service->engine);
	r = fill(&page, service, &token, after);
	if (r < 0)
		reply_store(call, r);
	else
		answer_finish(call, &page.answer);
	answer_done(&page.answer);
}
