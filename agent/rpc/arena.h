/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is given out piece by piece, up to a cap, and taken back all at once. Also a
 * ProtobufCAllocator: protobuf-c copes with a NULL from it.
 */
#ifndef WAYMARK_RPC_ARENA_H
#define WAYMARK_RPC_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* the newest first */
	size_t taken; /* from malloc, all chunks */
	size_t cap;
	bool exhausted; /* a request was refused since arena_init() or arena_clear() */
	ProtobufCAllocator allocator;
};

/* The arena must not move afterwards: the allocator points to it. */
void arena_init(struct arena *arena, size_t cap);

/* Frees everything; the arena can be used again. */
void arena_clear(struct arena *arena);

/* Aligned for any type, not zeroed. NULL beyond the cap. */
void *arena_alloc(struct arena *arena, size_t size);

/* The cap that suits a message of this length. */
size_t arena_cap_for(size_t message_length);

#endif
