/* SPDX-License-Identifier: Apache-2.0 */
/* What clients release on leaving scope, beside agent/cleanup.h. */
#ifndef WAYMARK_CLIENTS_CLEANUP_H
#define WAYMARK_CLIENTS_CLEANUP_H

#include <string.h>

#include <protobuf-c/protobuf-c.h>

#include "agent/cleanup.h"

/* For a pointer to any unpacked message: cleanup(free_message) Waymark__V1__Mark *mark. */
__attribute__((unused)) static inline void free_message(const void *pointer)
{
	void *message;

	memcpy(&message, pointer, sizeof(void *));
	if (message)
		protobuf_c_message_free_unpacked(message, NULL);
}

#endif
