/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/shared.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

unsigned shared_repair(__u64 *word, uint64_t value)
{
	if (shared_load(word) == value)
		return 0;
	shared_store(word, value);
	return 1;
}

/* The barrier waits for an RCU grace period, which is just that; kernels with nohz_full
 * refuse it. */
void shared_wait(void)
{
	struct timespec grace = {.tv_sec = SHARED_GRACE_NS / 1000000000};

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		while (clock_nanosleep(CLOCK_MONOTONIC, 0, &grace, &grace))
			;
}
