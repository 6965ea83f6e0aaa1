/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WAYMARK_NOW_H
#define WAYMARK_NOW_H

#include <stdint.h>
#include <time.h>

#define NANOSECONDS INT64_C(1000000000) /* in a second */
#define MILLISECOND (NANOSECONDS / 1000) /* ns */

/* What a clock says, in ns. */
static inline int64_t now_on(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * NANOSECONDS + now.tv_nsec;
}

#endif
