/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which marks a listing or a watch wants. Pure functions, any thread.
 */
#ifndef WAYMARK_LIST_FILTER_H
#define WAYMARK_LIST_FILTER_H

#include <stdbool.h>
#include <waymark/v1/marker.pb-c.h>

#include "core/fault.h"
#include "core/mark.h"
#include "core/scitag.h"

struct list_filter {
	uint8_t prefix[16];
	uint8_t prefix_length; /* 0: any destination */
	uint8_t kinds; /* bit 1 << enum mark_kind; 0: any */
	struct mark_action label; /* MARK_LABEL_NONE: any */
	uint64_t lease; /* 0: any */
	char owner[MARK_OWNER_MAX + 1]; /* empty: any */
	char cookie[MARK_COOKIE_MAX + 1]; /* empty: any */
};

/* Reads the filter of a listing. 0, or -EINVAL with the fault's field relative to the request.
 */
int list_filter_read(const Waymark__V1__ListMarksRequest *request,
		     const struct registry *registry, struct list_filter *ret,
		     struct fault *fault);

/* The same of a watch, which chooses by properties that last as long as a mark does; NULL: all.
 */
int list_filter_read_lasting(const Waymark__V1__MarkFilter *message, struct list_filter *ret,
			     struct fault *fault);

bool list_filter_passes(const struct list_filter *filter, const struct mark *mark);

/* As far as these properties go, which are what is left of a removed mark. */
bool list_filter_passes_lasting(const struct list_filter *filter, const struct match *match,
				const char *owner);

/* Does it choose by any of them? */
bool list_filter_is_lasting(const struct list_filter *filter);

/* Equal filters have equal hashes, in every process. */
uint64_t list_filter_fingerprint(const struct list_filter *filter);

#endif
