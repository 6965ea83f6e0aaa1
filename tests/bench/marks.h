/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marks by number for benches of the API: HOST marks with raw labels.
 */
#ifndef WAYMARK_BENCH_MARKS_H
#define WAYMARK_BENCH_MARKS_H

#include <stddef.h>
#include <stdint.h>
#include <waymark/v1/marker.pb-c.h>

/* Some marks as messages, one after the other; they point into it. */
struct bench_marks {
	size_t n;
	Waymark__V1__Mark *marks, **list;
	Waymark__V1__Match *matches;
	Waymark__V1__MarkUpdate *updates, **update_list;
	char (*destinations)[40];
};

/* Room for n; ends the program without memory. */
void bench_marks_init(struct bench_marks *marks, size_t n);
void bench_marks_done(struct bench_marks *marks);

/* Makes them the marks with the numbers from `first` on, and this label. */
void bench_marks_fill(struct bench_marks *marks, uint32_t first, size_t n, uint32_t label);

#endif
