/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rtnetlink says of the interfaces of this network namespace: everything first, then
 * every change; everything again where the kernel had to leave something out.
 *
 * One thread.
 */
#ifndef WAYMARK_LINK_FEED_H
#define WAYMARK_LINK_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/stack.h"

enum link_feed_event {
	LINK_FEED_DUMP, /* everything that there is follows */
	LINK_FEED_DUMPED, /* that was everything */
	LINK_FEED_DEVICE, /* is there; or has changed */
	LINK_FEED_GONE,
};

/* device: NULL for the dump. 0, or negative errno: everything is to be said again. */
typedef int link_feed_take(enum link_feed_event event, const struct stack_device *device,
			   void *user);

struct mnl_socket;

struct link_feed {
	struct mnl_socket *socket;
	link_feed_take *take;
	void *user;
	uint32_t sequence; /* of the last dump */
	bool is_dumping, is_inconsistent, must_dump;
};

/* Begins to listen. receive_buffer: octets; 0: enough. 0 or negative errno; the feed is zero at
 * first, and link_feed_close() is due in any case. */
int link_feed_open(struct link_feed *feed, int receive_buffer, link_feed_take *take,
		   void *user);
void link_feed_close(struct link_feed *feed);

/* Readable when link_feed_read() is due. */
int link_feed_fd(const struct link_feed *feed);

/* Takes in what has come, without waiting. 0 or negative errno; call again in either case. */
int link_feed_read(struct link_feed *feed);

/* Not everything has been said yet. */
bool link_feed_is_dumping(const struct link_feed *feed);

#endif
