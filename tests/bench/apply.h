/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ApplyMarks on four connections at a time, by the bare C core: requests are encoded before the
 * clock starts, for real clients run elsewhere.
 */
#ifndef WAYMARK_BENCH_APPLY_H
#define WAYMARK_BENCH_APPLY_H

#include <stdint.h>

struct bench_agent;

/* Sets the marks with the numbers below n to this label, which must change each of them, so
 * many in a call. Marks a second. Ends the program if one is refused or not changed. */
double apply_marks_rate(const struct bench_agent *agent, uint32_t n, uint32_t batch,
			uint32_t label);

#endif
