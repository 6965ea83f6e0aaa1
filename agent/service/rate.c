/* SPDX-License-Identifier: Apache-2.0 */
#include "service/rate.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "now.h"
#include "rpc/peer.h"
#include "service/service.h"

/* Buckets that one identity may be in: of more that meet here the one that has been silent for
 * the longest time loses its bucket, which is most likely full. */
#define WAYS 8
#define SETS (SERVICE_IDENTITIES / WAYS)

_Static_assert((SETS & (SETS - 1)) == 0, "a hash chooses the set");

struct bucket {
	char identity[RPC_IDENTITY_MAX + 1];
	/* When all its tokens will be there again. A token taken moves that by what one takes
	 * to come; it may not lie further ahead than what a full bucket takes. */
	int64_t full;
};

struct rate {
	pthread_mutex_t lock; /* what follows */
	int64_t interval; /* ns in which a token comes */
	struct bucket buckets[SETS][WAYS];
};

int rate_new(uint32_t per_second, struct rate **ret)
{
	struct rate *rate = calloc(1, sizeof(*rate));

	if (!rate)
		return -ENOMEM;
	pthread_mutex_init(&rate->lock, NULL);
	rate->interval = NANOSECONDS / per_second;
	*ret = rate;
	return 0;
}

void rate_free(struct rate *rate)
{
	if (!rate)
		return;
	pthread_mutex_destroy(&rate->lock);
	free(rate);
}

void rate_set(struct rate *rate, uint32_t per_second)
{
	pthread_mutex_lock(&rate->lock);
	rate->interval = NANOSECONDS / per_second;
	pthread_mutex_unlock(&rate->lock);
}

/* FNV-1a. */
static size_t set_of(const char *identity)
{
	uint32_t hash = 2166136261;

	for (; *identity; identity++)
		hash = (hash ^ (unsigned char)*identity) * 16777619;
	return hash % SETS;
}

/* With the lock. */
static struct bucket *find_bucket(struct rate *rate, const char *identity)
{
	struct bucket *set = rate->buckets[set_of(identity)];
	struct bucket *oldest = &set[0];

	for (size_t i = 0; i < WAYS; i++) {
		if (strcmp(set[i].identity, identity) == 0)
			return &set[i];
		if (set[i].full < oldest->full)
			oldest = &set[i];
	}
	*oldest = (struct bucket){.full = 0};
	strncpy(oldest->identity, identity, sizeof(oldest->identity) - 1);
	return oldest;
}

int64_t rate_take(struct rate *rate, const char *identity, int64_t now)
{
	struct bucket *bucket;
	int64_t full, wait;

	pthread_mutex_lock(&rate->lock);
	bucket = find_bucket(rate, identity);
	full = (bucket->full > now ? bucket->full : now) + rate->interval;
	wait = full - (now + NANOSECONDS);
	if (wait <= 0)
		bucket->full = full;
	pthread_mutex_unlock(&rate->lock);
	return wait > 0 ? wait : 0;
}
