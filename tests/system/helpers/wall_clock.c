/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded: CLOCK_REALTIME is off by as many seconds as the first word of the file
 * WALL_CLOCK says, at any moment. All other clocks are right.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset;

__attribute__((constructor)) static void open_offset(void)
{
	const char *path = getenv("WALL_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *mapped = mmap(NULL, sizeof(*offset), PROT_READ, MAP_SHARED, fd, 0);

	if (mapped == MAP_FAILED)
		_exit(127);
	offset = mapped;
	close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int r = (int)syscall(SYS_clock_gettime, clock, now);

	if (r == 0 && offset && clock == CLOCK_REALTIME)
		now->tv_sec += *offset;
	return r;
}
