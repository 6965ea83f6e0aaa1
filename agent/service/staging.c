/* SPDX-License-Identifier: Apache-2.0 */
#include "service/staging.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define ROOM_FIRST 256

void staging_init(struct staging *staging, size_t marks_max, atomic_size_t *used,
		  size_t octets_max)
{
	*staging = (struct staging){.marks_max = marks_max,
				    .used = used,
				    .octets_max = octets_max,
				    .last_cookie = ""};
	/* Without a secret a client could choose matches that all meet in one place. Nothing is
	 * lost but that if it fails, which it never does once the pool is seeded. */
	(void)!getrandom(&staging->seed, sizeof(staging->seed), 0);
	arena_init(&staging->cookies, octets_max);
}

/* ---- the budget ---- */

static size_t octets_held(const struct staging *staging)
{
	return staging->n * sizeof(*staging->updates) +
	       staging->n_places * sizeof(*staging->places) + staging->cookies.taken +
	       staging->faults * sizeof(struct fault);
}

/* Settles the account with the budget. Looked at after each step, so that the budget is
 * exceeded by one step at most. */
static int charge(struct staging *staging)
{
	size_t held = octets_held(staging), more = held - staging->charged;

	if (atomic_fetch_add(staging->used, more) + more > staging->octets_max) {
		atomic_fetch_sub(staging->used, more);
		return -ENOMEM;
	}
	staging->charged = held;
	return 0;
}

/* ---- matches seen ---- */

static size_t place_of(const struct staging *staging, const struct match *match)
{
	uint64_t words[sizeof(*match) / sizeof(uint64_t)];
	uint64_t hash = staging->seed;

	memcpy(words, match, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		hash = (hash ^ words[i]) * UINT64_C(0x9E3779B97F4A7C15);
		hash ^= hash >> 32;
	}
	return hash & (staging->n_places - 1);
}

/* The place of this match, or the free one where it belongs. */
static uint32_t *find(const struct staging *staging, const struct match *match)
{
	size_t at = place_of(staging, match);

	while (staging->places[at] && memcmp(&staging->updates[staging->places[at] - 1].match,
					     match, sizeof(*match)) != 0)
		at = (at + 1) & (staging->n_places - 1);
	return &staging->places[at];
}

/* At least a quarter of the places stays free. */
static int grow_places(struct staging *staging)
{
	size_t n = staging->n_places ? 2 * staging->n_places : 2 * ROOM_FIRST;
	uint32_t *places;

	if (4 * (staging->n + 1) <= 3 * staging->n_places)
		return 0;
	places = calloc(n, sizeof(*places));
	if (!places)
		return -ENOMEM;
	free(staging->places);
	staging->places = places;
	staging->n_places = n;
	for (size_t i = 0; i < staging->n; i++)
		*find(staging, &staging->updates[i].match) = (uint32_t)i + 1;
	return 0;
}

/* ---- marks ---- */

/* Large blocks grow without a copy, and take pages only as they are used. */
static int grow_updates(struct staging *staging)
{
	size_t room = staging->room ? 2 * staging->room : ROOM_FIRST;
	struct engine_update *updates;

	if (staging->n < staging->room)
		return 0;
	updates = reallocarray(staging->updates, room, sizeof(*updates));
	if (!updates)
		return -ENOMEM;
	staging->updates = updates;
	staging->room = room;
	return 0;
}

/* Cookies of neighbours are often the same. NULL: out of memory. */
static const char *keep_cookie(struct staging *staging, const char *cookie)
{
	size_t size = strlen(cookie) + 1;
	char *kept;

	if (strcmp(cookie, staging->last_cookie) == 0)
		return staging->last_cookie;
	if (size == 1)
		return "";
	kept = arena_alloc(&staging->cookies, size);
	if (kept)
		staging->last_cookie = memcpy(kept, cookie, size);
	return kept;
}

int staging_add(struct staging *staging, const struct engine_update *update,
		const struct fault *fault)
{
	struct engine_update *place;
	const char *cookie;

	if (grow_updates(staging) < 0 || grow_places(staging) < 0)
		return -ENOMEM;
	if (*find(staging, &update->match))
		return -EEXIST;
	if (staging->n == staging->marks_max)
		return -ENOSPC;
	cookie = keep_cookie(staging, update->cookie);
	if (!cookie)
		return -ENOMEM;
	place = &staging->updates[staging->n];
	*place = *update;
	place->cookie = cookie;
	if (fault) {
		*engine_update_refuse(place) = *fault;
		staging->faults++;
	}
	*find(staging, &update->match) = (uint32_t)++staging->n;
	return charge(staging);
}

void staging_done(struct staging *staging)
{
	free(staging->updates);
	free(staging->places);
	arena_clear(&staging->cookies);
	atomic_fetch_sub(staging->used, staging->charged);
	*staging = (struct staging){.used = staging->used};
}
