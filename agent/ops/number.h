/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as people write them in configuration and policy. Pure functions, any thread.
 */
#ifndef WAYMARK_NUMBER_H
#define WAYMARK_NUMBER_H

#include <stdint.h>

/* Digits only, without leading zeros, at most `max`, which is at most INT64_MAX / 16. -1: it is
 * anything else. */
int64_t number_parse(const char *text, int64_t max);

/* A number and one of the `units`, of "smhd": s, at most `max`. -1: it is anything else. */
int64_t number_parse_duration(const char *text, const char *units, int64_t max);

#endif
