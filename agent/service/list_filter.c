/* SPDX-License-Identifier: Apache-2.0 */
#include "service/list_filter.h"

#include <errno.h>
#include <string.h>

#include "core/match.h"
#include "service/wire.h"

static int read_prefix(const char *text, struct list_filter *ret, struct fault *fault)
{
	if (!text[0])
		return 0;
	return prefix_parse(text, "destination_prefix", ret->prefix, &ret->prefix_length,
			    fault);
}

static int read_owner(const char *owner, struct list_filter *ret, struct fault *fault)
{
	size_t length = strlen(owner);

	if (length > MARK_OWNER_MAX)
		return fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_OUT_OF_RANGE,
				 "owner", "owner of %zu octets: not in 0..%d", length,
				 MARK_OWNER_MAX);
	memcpy(ret->owner, owner, length + 1);
	return 0;
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
		r = read_owner(message->owner, ret, fault);
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
		r = wire_read_cookie(request->cookie, filter.cookie, fault);
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
	return match->prefix_length >= filter->prefix_length &&
	       prefix_contains(filter->prefix, filter->prefix_length, match->destination);
}

bool list_filter_passes(const struct list_filter *filter, const struct mark *mark)
{
	return destination_passes(filter, &mark->match) &&
	       (filter->kinds == 0 || filter->kinds & 1u << mark->match.kind) &&
	       label_passes(&filter->label, &mark->action) &&
	       (!filter->owner[0] || strcmp(filter->owner, mark->owner) == 0) &&
	       (!filter->cookie[0] || strcmp(filter->cookie, mark->cookie) == 0);
}

/* FNV-1a, 64 bits: stable across processes and machines. */
static uint64_t hash_octets(uint64_t hash, const void *data, size_t size)
{
	for (const uint8_t *octet = data; size > 0; size--, octet++)
		hash = (hash ^ *octet) * 0x100000001B3u;
	return hash;
}

uint64_t list_filter_fingerprint(const struct list_filter *filter)
{
	const uint64_t numbers[] = {filter->prefix_length,    filter->kinds,
				    filter->label.label,      filter->label.flow_label,
				    filter->label.experiment, filter->label.activity};
	uint64_t hash = 0xCBF29CE484222325u;

	hash = hash_octets(hash, filter->prefix, sizeof(filter->prefix));
	hash = hash_octets(hash, numbers, sizeof(numbers));
	hash = hash_octets(hash, filter->owner, strlen(filter->owner) + 1);
	return hash_octets(hash, filter->cookie, strlen(filter->cookie) + 1);
}
