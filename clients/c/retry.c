/* SPDX-License-Identifier: Apache-2.0 */
#include "retry.h"

#include <limits.h>
#include <stdlib.h>

#include "call.h"
#include "clock.h"

#define FIRST_PAUSE_MS 100
#define LONGEST_PAUSE_MS 5000

static bool is_passing(const struct waymark_error *error)
{
	switch (error->code) {
	case WAYMARK_UNAVAILABLE:
	case WAYMARK_CANCELLED:
		return error->retry_after_ms >= 0;
	case WAYMARK_RESOURCE_EXHAUSTED:
		return error->retry_after_ms > 0;
	default:
		return false;
	}
}

/* Clients that lost the same agent in the same moment must not come back in one. */
static int64_t with_jitter(int64_t pause)
{
	return pause - (int64_t)arc4random_uniform((uint32_t)(pause / 2 + 1));
}

int64_t retry_pause(struct retry *retry, const struct waymark_error *error)
{
	int64_t pause = FIRST_PAUSE_MS;

	if (retry->failures < UINT_MAX)
		retry->failures++;
	if (!is_passing(error))
		return -1;
	if (retry->max_attempts != RETRY_FOR_EVER && retry->failures >= retry->max_attempts)
		return -1;
	if (error->retry_after_ms)
		return error->retry_after_ms;
	for (unsigned int i = 1; i < retry->failures && pause < LONGEST_PAUSE_MS; i++)
		pause *= 2;
	return with_jitter(pause < LONGEST_PAUSE_MS ? pause : LONGEST_PAUSE_MS);
}

bool retry_wait(struct retry *retry, const struct waymark_error *error, int64_t deadline)
{
	int64_t pause = retry_pause(retry, error);
	int64_t when = clock_after(pause);
	grpc_completion_queue *queue;

	if (pause < 0 || when >= deadline)
		return false;
	queue = grpc_completion_queue_create_for_pluck(NULL);
	queue_wait(queue, retry, when); /* a tag that nobody sends */
	completion_queue_free(queue);
	return true;
}
