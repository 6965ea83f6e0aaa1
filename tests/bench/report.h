/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a bench says: one line a case, for people or as JSON.
 */
#ifndef WAYMARK_REPORT_H
#define WAYMARK_REPORT_H

#include <stdbool.h>
#include <stddef.h>

/* Interleaved rounds: at least so many, and at most. */
#define REPORT_ROUNDS 7
#define REPORT_ROUNDS_MAX 64

struct report_case {
	const char *bench, *name, *unit;
	double value, baseline; /* medians; baseline 0: there is none */
	double ratio; /* median of the rounds' ratios */
	double spread; /* of the rounds: (greatest - least) / median */
	double must, aim; /* 0: the design sets none */
	bool is_absolute; /* must and aim are of the value, not of the ratio */
	bool more_is_better;
};

double report_median(const double values[], size_t n);
double report_spread(const double values[], size_t n);

/* Machine, kernel and options, as a comment; nothing with JSON. */
void report_head(const char *bench, const char *options, bool json);

/* One case of several rounds: fills value, baseline, ratio and spread from theirs. Baselines
 * NULL: there are none. */
void report_rounds(struct report_case result, const double values[], const double baselines[],
		   size_t n, bool json);
void report(const struct report_case *result, bool json);

#endif
