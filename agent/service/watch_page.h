/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run of changes as watches get it: read once, packed once for all watches that take
 * everything. Pages that were just read are kept for those that come to the same place a moment
 * later. One thread.
 */
#ifndef WAYMARK_WATCH_PAGE_H
#define WAYMARK_WATCH_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/mark.h"

struct list_filter;
struct rpc_packed;
struct service;

struct watch_change {
	bool is_removal;
	int64_t deadline; /* of the mark, on CLOCK_BOOTTIME, ns; 0: none */
	union {
		struct mark mark;
		struct removal removal;
	};
};

struct watch_page {
	uint64_t from, to; /* the revisions (from, to] are in it */
	uint64_t removals_after; /* removals up to here are not */
	/* What was overtaken up to here is not in it either: whoever takes the page has a whole
	 * state again only when he has come so far. */
	uint64_t whole_at;
	struct watch_change *changes;
	size_t n, max;
	struct rpc_packed *packed; /* all of it; NULL: not yet */
};

/* Events in a message at most: with 1 KiB at the most for each, a message stays below 1 MiB. */
#define WATCH_EVENTS_MAX 1024

#define WATCH_PAGES 16

struct watch_pages {
	const struct service *service;
	struct rpc_packed *filtered; /* made last, for one watch */
	struct watch_page pages[WATCH_PAGES]; /* from == to: none */
	size_t next; /* is replaced next */
};

/* The service is borrowed. */
void watch_pages_init(struct watch_pages *pages, const struct service *service);
void watch_pages_done(struct watch_pages *pages);

/* Forgets what is kept. */
void watch_pages_clear(struct watch_pages *pages);

/* The changes after `from`; removals only if they are after `removals_after`. Valid until the
 * next call. Its `to` is `from` if there is nothing new. NULL and -ESTALE: removals are
 * forgotten; else what the store says. */
struct watch_page *watch_pages_get(struct watch_pages *pages, uint64_t from,
				   uint64_t removals_after, int *ret_error);

/* The page as a message of what passes the filter; NULL: all. *ret_packed NULL: nothing does;
 * valid until the next call. 0 or -ENOMEM. */
int watch_page_pack(struct watch_pages *pages, struct watch_page *page,
		    const struct list_filter *filter, const struct rpc_packed **ret_packed);

#endif
