/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/arena.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdlib.h>

#include "rpc/limits.h"

#define CHUNK_FIRST 4096
#define CHUNK_MAX (256 * 1024)

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	alignas(max_align_t) char bytes[];
};

/* ---- chunks for the next one ---- */

/* The C library would give the memory of each large request back to the kernel, which takes
 * longer to hand out the same pages again than it takes to fill them. */
static struct {
	pthread_mutex_t lock;
	struct arena_chunk *chunks; /* all of CHUNK_MAX */
	size_t octets;
} stock = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct arena_chunk *chunk_new(size_t size)
{
	struct arena_chunk *chunk = NULL;

	if (size == CHUNK_MAX) {
		pthread_mutex_lock(&stock.lock);
		chunk = stock.chunks;
		if (chunk) {
			stock.chunks = chunk->next;
			stock.octets -= CHUNK_MAX;
		}
		pthread_mutex_unlock(&stock.lock);
	}
	return chunk ?: malloc(size);
}

static void chunk_free(struct arena_chunk *chunk)
{
	if (chunk->size == CHUNK_MAX - sizeof(*chunk)) {
		pthread_mutex_lock(&stock.lock);
		if (stock.octets < RPC_ARENA_STOCK) {
			chunk->next = stock.chunks;
			stock.chunks = chunk;
			stock.octets += CHUNK_MAX;
			chunk = NULL;
		}
		pthread_mutex_unlock(&stock.lock);
	}
	free(chunk);
}

/* ---- arenas ---- */

static void *arena_protobuf_alloc(void *arena, size_t size)
{
	return arena_alloc(arena, size);
}

static void arena_protobuf_free(void *arena, void *pointer)
{
	(void)arena;
	(void)pointer;
}

void arena_init(struct arena *arena, size_t cap)
{
	*arena = (struct arena){
		.cap = cap,
		.allocator = {arena_protobuf_alloc, arena_protobuf_free, arena},
	};
}

void arena_clear(struct arena *arena)
{
	while (arena->chunks) {
		struct arena_chunk *chunk = arena->chunks;

		arena->chunks = chunk->next;
		chunk_free(chunk);
	}
	arena->taken = 0;
	arena->exhausted = false;
}

/* Chunks double, so that a large message costs few of them and a small one little memory;
 * what is left below the cap is used up to the last byte. */
static size_t arena_chunk_size(const struct arena *arena, size_t need)
{
	size_t rest = arena->cap - arena->taken;
	size_t size = arena->taken ? arena->taken : CHUNK_FIRST;

	if (size > CHUNK_MAX)
		size = CHUNK_MAX;
	if (size < need)
		size = need;
	return size < rest ? size : rest;
}

static struct arena_chunk *arena_grow(struct arena *arena, size_t need)
{
	struct arena_chunk *chunk;
	size_t size;

	need += sizeof(*chunk);
	if (need > arena->cap - arena->taken)
		return NULL;
	size = arena_chunk_size(arena, need);
	chunk = chunk_new(size);
	if (!chunk)
		return NULL;
	*chunk = (struct arena_chunk){.next = arena->chunks, .size = size - sizeof(*chunk)};
	arena->chunks = chunk;
	arena->taken += size;
	return chunk;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	const size_t unit = alignof(max_align_t);
	struct arena_chunk *chunk = arena->chunks;
	void *place;

	/* Also keeps the sums below from wrapping. */
	if (size > arena->cap) {
		arena->exhausted = true;
		return NULL;
	}
	size = (size + unit - 1) & ~(unit - 1);
	if (!chunk || chunk->size - chunk->used < size)
		chunk = arena_grow(arena, size);
	if (!chunk) {
		arena->exhausted = true;
		return NULL;
	}
	place = chunk->bytes + chunk->used;
	chunk->used += size;
	return place;
}

size_t arena_cap_for(size_t message_length)
{
	if (message_length > (RPC_ARENA_MAX - RPC_ARENA_BASE) / RPC_ARENA_FACTOR)
		return RPC_ARENA_MAX;
	return RPC_ARENA_BASE + RPC_ARENA_FACTOR * message_length;
}
