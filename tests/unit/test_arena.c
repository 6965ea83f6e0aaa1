/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "google/rpc/status.pb-c.h"
#include "rpc/arena.h"
#include "rpc/limits.h"

static void pieces_are_apart_and_aligned(void **state)
{
	struct arena arena;
	unsigned char *pieces[200];

	(void)state;
	arena_init(&arena, 1024 * 1024);
	for (size_t i = 0; i < 200; i++) {
		pieces[i] = arena_alloc(&arena, i);
		assert_non_null(pieces[i]);
		assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
		memset(pieces[i], (int)i, i);
	}
	for (size_t i = 0; i < 200; i++)
		for (size_t j = 0; j < i; j++)
			assert_int_equal(pieces[i][j], i);
	arena_clear(&arena);
}

static void cap_holds(void **state)
{
	struct arena arena;
	size_t given = 0;

	(void)state;
	arena_init(&arena, 100000);
	while (arena_alloc(&arena, 1000)) {
		given += 1000;
		assert_true(arena.taken <= 100000);
	}
	assert_true(arena.exhausted);
	/* Little is lost to the arena's own needs. */
	assert_in_range(given, 90000, 100000);
	/* A smaller piece may still fit; no huge one does, and none wraps around. */
	assert_null(arena_alloc(&arena, 100000));
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_null(arena_alloc(&arena, SIZE_MAX - 15));
	arena_clear(&arena);
}

static void cleared_arena_is_new(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 5000);
	assert_null(arena_alloc(&arena, 6000));
	assert_true(arena.exhausted);
	arena_clear(&arena);
	assert_false(arena.exhausted);
	assert_int_equal(arena.taken, 0);
	assert_non_null(arena_alloc(&arena, 4000));
	arena_clear(&arena);
}

/* Empty details are two octets each on the wire, and much more in memory. */
static void protobuf_stops_at_the_cap(void **state)
{
	enum { SIZE = 1024 * 1024 };
	static uint8_t bytes[SIZE];
	struct arena arena;

	(void)state;
	for (size_t i = 0; i < SIZE; i += 2)
		bytes[i] = 0x1A;
	arena_init(&arena, arena_cap_for(SIZE));
	assert_null(google__rpc__status__unpack(&arena.allocator, SIZE, bytes));
	assert_true(arena.exhausted);
	assert_true(arena.taken <= RPC_ARENA_MAX);
	arena_clear(&arena);
	/* An honest one. */
	arena_init(&arena, arena_cap_for(1000));
	assert_non_null(google__rpc__status__unpack(&arena.allocator, 1000, bytes));
	arena_clear(&arena);
}

static void caps(void **state)
{
	(void)state;
	assert_int_equal(arena_cap_for(0), RPC_ARENA_BASE);
	assert_int_equal(arena_cap_for(1000), RPC_ARENA_BASE + 1000 * RPC_ARENA_FACTOR);
	assert_int_equal(arena_cap_for(RPC_MESSAGE_MAX), RPC_ARENA_MAX);
	assert_int_equal(arena_cap_for(SIZE_MAX), RPC_ARENA_MAX);
}

/* Fills an arena with pieces, of which the largest chunks hold two and the first ones none. */
static size_t fill(struct arena *arena, void **pieces, size_t max)
{
	size_t n = 0;

	arena_init(arena, RPC_ARENA_MAX);
	while (n < max && (pieces[n] = arena_alloc(arena, 100000)))
		memset(pieces[n++], 1, 100000);
	return n;
}

static size_t count_alike(void *const *a, void *const *b, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			count += a[i] == b[j];
	return count;
}

/* Under ASan, free() gives nothing to the next malloc(): what comes again was in stock. */
static void some_memory_is_kept_for_the_next_arena(void **state)
{
	enum { PIECES = 100, KEPT = 2 * (RPC_ARENA_STOCK / (256 * 1024)) };
	void *before[PIECES] = {NULL}, *after[PIECES] = {NULL};
	struct arena arena;
	size_t kept;

	(void)state;
	assert_int_equal(fill(&arena, before, PIECES), PIECES);
	arena_clear(&arena);
	assert_int_equal(fill(&arena, after, PIECES), PIECES);
	arena_clear(&arena);
	kept = count_alike(before, after, PIECES);
	assert_true(kept >= KEPT);
#ifdef __SANITIZE_ADDRESS__
	assert_int_equal(kept, KEPT);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_apart_and_aligned),
		cmocka_unit_test(cap_holds),
		cmocka_unit_test(cleared_arena_is_new),
		cmocka_unit_test(protobuf_stops_at_the_cap),
		cmocka_unit_test(caps),
		cmocka_unit_test(some_memory_is_kept_for_the_next_arena),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
