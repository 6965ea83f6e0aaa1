/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ApplyMarks from four clients at a time.
 */
#ifndef WAYMARK_BENCH_APPLY_H
#define WAYMARK_BENCH_APPLY_H

#include <stdint.h>

struct bench_agent;

/* Sets the marks with the numbers below n to this label, so many in a call. Marks a second.
 * Ends the program if any of them fails. */
double apply_marks_rate(const struct bench_agent *agent, uint32_t n, uint32_t batch,
			uint32_t label);

#endif
