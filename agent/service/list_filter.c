/* SPDX-License-Identifier: Apache-2.0 */
#include "service/list_filter.h"

#include <errno.h>
#include <string.h>

#include "core/match.h"
#include "service/page_token.h"
#include "service/wire.h"

static int read_prefix(const char *text, struct list_filter *ret, struct fault *fault)
{
	if (!text[0])
		return 0;
	return prefix_parse(text, "destination_prefix", ret->prefix, &ret->prefix_length,
			    fault);
}

static int read_kinds(const Waymark__V1__MarkFilter *message, struct list_filter *ret,
		      struct fault *fault)
{
	for (size_t i = 0; i < message->n_kinds; i++) {
		if (message->kinds[i] == WAYMARK__V1__KIND__KIND_UNSPECIFIED)
			return fault_set(fault, FAULT_INVALID_ARGUMENT,
					 FAULT_REASON_OUT_OF_RANGE, "kinds",
					 "kinds: KIND_UNSPECIFIED is no kind");
		ret->kinds |= (uint8_t)(1u << message->kinds[i]);
	}
	return 0;
}

static int read_mark_filter(const Waymark__V1__MarkFilter *message, struct list_filter *ret,
			    struct fault *fault)
{
	int r;

	if (!message)
		return 0;
	r = read_prefix(message->destination_prefix, ret, fault);
	if (r == 0)
		r = wire_read_text(message->owner, "owner", ret->owner, sizeof(ret->owner),
				   fault);
	if (r == 0)
		r = read_kinds(message, ret, fault);
	if (r < 0)
		fault_prefix(fault, "filter");
	return r;
}

static int read_label(const Waymark__V1__ListMarksRequest *request,
		      const struct registry *registry, struct list_filter *ret,
		      struct fault *fault)
{
	int r = 0;

	if (request->label_case == WAYMARK__V1__LIST_MARKS_REQUEST__LABEL_FLOW_LABEL)
		return wire_read_flow_label(request->flow_label, &ret->label, fault);
	if (request->label_case == WAYMARK__V1__LIST_MARKS_REQUEST__LABEL_SCITAG) {
		r = wire_read_scitag(request->scitag, registry, &ret->label, fault);
		if (r < 0)
			fault_prefix(fault, "scitag");
	}
	return r;
}

int list_filter_read(const Waymark__V1__ListMarksRequest *request,
		     const struct registry *registry, struct list_filter *ret,
		     struct fault *fault)
{
	struct list_filter filter = {.prefix_length = 0};
	int r = read_mark_filter(request->filter, &filter, fault);

	if (r == 0)
		r = read_label(request, registry, &filter, fault);
	if (r == 0)
		r = wire_read_text(request->cookie, "cookie", filter.cookie,
				   sizeof(filter.cookie), fault);
	filter.lease = request->lease_id;
	if (r == 0)
		*ret = filter;
	return r;
}

int list_filter_read_lasting(const Waymark__V1__MarkFilter *message, struct list_filter *ret,
			     struct fault *fault)
{
	struct list_filter filter = {.prefix_length = 0};
	int r = read_mark_filter(message, &filter, fault);

	if (r == 0)
		*ret = filter;
	return r;
}

static bool label_passes(const struct mark_action *wanted, const struct mark_action *action)
{
	if (wanted->label == MARK_LABEL_NONE)
		return true;
	return wanted->label == action->label && wanted->flow_label == action->flow_label &&
	       wanted->experiment == action->experiment && wanted->activity == action->activity;
}

/* A prefix lies in the filter's if its first address does and it is not wider. */
static bool destination_passes(const struct list_filter *filter, const struct match *match)
{
	if (filter->prefix_length == 0)
		return true;
	return match->prefix_length >= filter->prefix_length &&
	       prefix_contains(filter->prefix, filter->prefix_length, match->destination);
}

bool list_filter_passes_lasting(const struct list_filter *filter, const struct match *match,
				const char *owner)
{
	return destination_passes(filter, match) &&
	       (filter->kinds == 0 || filter->kinds & 1u << match->kind) &&
	       (!filter->owner[0] || strcmp(filter->owner, owner) == 0);
}

bool list_filter_passes(const struct list_filter *filter, const struct mark *mark)
{
	return list_filter_passes_lasting(filter, &mark->match, mark->owner) &&
	       label_passes(&filter->label, &mark->action) &&
	       (filter->lease == 0 ||
		(mark->lifetime == MARK_LEASE && mark->lease == filter->lease)) &&
	       (!filter->cookie[0] || strcmp(filter->cookie, mark->cookie) == 0);
}

bool list_filter_is_lasting(const struct list_filter *filter)
{
	return filter->prefix_length > 0 || filter->kinds != 0 || filter->owner[0];
}

uint64_t list_filter_fingerprint(const struct list_filter *filter)
{
	const uint64_t numbers[] = {filter->prefix_length,
				    filter->kinds,
				    filter->label.label,
				    filter->label.flow_label,
				    filter->label.experiment,
				    filter->label.activity,
				    filter->lease};
	uint64_t hash = PAGE_TOKEN_HASH;

	hash = page_token_hash(hash, filter->prefix, sizeof(filter->prefix));
	hash = page_token_hash(hash, numbers, sizeof(numbers));
	hash = page_token_hash(hash, filter->owner, strlen(filter->owner) + 1);
	return page_token_hash(hash, filter->cookie, strlen(filter->cookie) + 1);
}
