/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often each identity may call: a bucket of tokens for everybody who has called lately. Any
 * thread.
 */
#ifndef WAYMARK_RATE_H
#define WAYMARK_RATE_H

#include <stdint.h>

struct rate;

/* 0 or -ENOMEM. per_second: calls that each may make in the long run, at least 1; after a pause
 * as many at once. */
int rate_new(uint32_t per_second, struct rate **ret);
void rate_free(struct rate *rate);

void rate_set(struct rate *rate, uint32_t per_second);

/* Takes a token of this identity at `now`, ns on any steady clock. 0, or after how many ns
 * there is one again. */
int64_t rate_take(struct rate *rate, const char *identity, int64_t now);

#endif
