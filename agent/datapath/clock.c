/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/clock.h"

#include <bpf/bpf.h>
#include <time.h>

#include <marker.skel.h>

#include "now.h"

/* A jiffy is seen to begin if two looks so close together differ. */
#define CLOSE_NS 50000
#define ATTEMPTS 8 /* the machine may be busy or paused; the last one has to do */

struct look {
	uint64_t jiffies;
	int64_t boottime;
};

static int64_t suspended(void)
{
	const int64_t monotonic = now_on(CLOCK_MONOTONIC);

	return now_on(CLOCK_BOOTTIME) - monotonic;
}

static int look(const struct clock *clock, struct look *ret)
{
	const struct marker *programs = clock->programs;
	uint8_t frame[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame,
		    .data_size_in = sizeof(frame));
	int error =
		bpf_prog_test_run_opts(bpf_program__fd(programs->progs.read_clock), &options);

	if (error)
		return error;
	ret->jiffies = programs->data_clock->clock_jiffies;
	ret->boottime = (int64_t)programs->data_clock->clock_boottime;
	return 0;
}

/* Looks until a jiffy begins; *ret_gap: how long nobody looked before that. */
static int look_for_tick(const struct clock *clock, struct look *ret, int64_t *ret_gap)
{
	struct look before, now;
	int error = look(clock, &now);

	do {
		before = now;
		if (!error)
			error = look(clock, &now);
	} while (!error && now.jiffies == before.jiffies);
	if (error)
		return error;
	*ret_gap = now.boottime - before.boottime;
	*ret = now;
	return 0;
}

static int align(struct clock *clock)
{
	struct look tick;
	int64_t gap = INT64_MAX;

	for (int i = 0; i < ATTEMPTS && gap > CLOSE_NS; i++) {
		int error = look_for_tick(clock, &tick, &gap);

		if (error)
			return error;
	}
	clock->jiffies = tick.jiffies;
	clock->boottime = tick.boottime;
	clock->suspended = suspended();
	return 0;
}

int clock_init(struct clock *clock, const struct marker *programs)
{
	struct timespec tick;

	/* The coarse clocks go by jiffies, and their resolution is one. */
	clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	*clock = (struct clock){.programs = programs,
				.tick = tick.tv_sec * NANOSECONDS + tick.tv_nsec};
	return align(clock);
}

/* When a jiffy begins. */
static int64_t time_of(const struct clock *clock, uint64_t jiffies)
{
	return clock->boottime + (int64_t)(jiffies - clock->jiffies) * clock->tick;
}

bool clock_has_slept(const struct clock *clock)
{
	int64_t more = suspended() - clock->suspended;

	return more > clock->tick || more < -clock->tick;
}

int clock_sync(struct clock *clock)
{
	int64_t late;
	struct look now;
	int error = look(clock, &now);

	if (error)
		return error;
	late = now.boottime - time_of(clock, now.jiffies);
	/* One more: the interrupt that counts a jiffy may come late. */
	if (late > 2 * clock->tick || late < -clock->tick || clock_has_slept(clock)) {
		error = align(clock);
		return error ? error : 1;
	}
	if (late >= 0)
		return 0;
	clock->boottime += late; /* it was late by then that we saw the jiffy begin */
	return 1;
}

uint64_t clock_jiffies(const struct clock *clock, int64_t boottime)
{
	int64_t ahead, jiffies;

	if (__builtin_sub_overflow(boottime, clock->boottime, &ahead))
		return 0; /* long ago */
	jiffies = ahead / clock->tick + (ahead % clock->tick > 0);
	if (jiffies < 0 && (uint64_t)-jiffies > clock->jiffies)
		return 0;
	return clock->jiffies + (uint64_t)jiffies;
}
