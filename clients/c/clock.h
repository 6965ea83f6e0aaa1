/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time: milliseconds of CLOCK_MONOTONIC, and NEVER. */
#ifndef WAYMARK_CLIENT_CLOCK_H
#define WAYMARK_CLIENT_CLOCK_H

#include <stdint.h>
#include <time.h>

#include <grpc/support/time.h>

#define NEVER INT64_MAX

static inline int64_t clock_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* So many milliseconds from now; a negative number of them never comes. */
static inline int64_t clock_after(int64_t milliseconds)
{
	int64_t now = clock_ms();

	return milliseconds < 0 || milliseconds > NEVER - now ? NEVER : now + milliseconds;
}

/* For the C core. */
static inline gpr_timespec clock_gpr(int64_t when)
{
	gpr_timespec now = gpr_now(GPR_CLOCK_MONOTONIC);

	if (when == NEVER)
		return gpr_inf_future(GPR_CLOCK_MONOTONIC);
	return gpr_time_add(now, gpr_time_from_millis(when - clock_ms(), GPR_TIMESPAN));
}

#endif
