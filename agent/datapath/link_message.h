/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtnetlink's messages about interfaces.
 */
#ifndef WAYMARK_LINK_MESSAGE_H
#define WAYMARK_LINK_MESSAGE_H

#include <libmnl/libmnl.h>
#include <stdbool.h>

#include "datapath/stack.h"

/* Reads RTM_NEWLINK or RTM_DELLINK. False: it is not about an interface as such but, say, a
 * bridge's port, or makes no sense. */
bool link_message_read(const struct nlmsghdr *header, struct stack_device *ret);

/* Asks for every interface there is. 0 or negative errno. */
int link_message_ask(const struct mnl_socket *socket, uint32_t sequence);

#endif
