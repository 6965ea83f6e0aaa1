/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cleanup.h"

static int compare(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

double report_median(const double values[], size_t n)
{
	double sorted[REPORT_ROUNDS_MAX];

	if (!n || n > REPORT_ROUNDS_MAX)
		return 0;
	memcpy(sorted, values, n * sizeof(*values));
	qsort(sorted, n, sizeof(*sorted), compare);
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

double report_spread(const double values[], size_t n)
{
	double least, greatest, median = report_median(values, n);

	if (n == 0)
		return 0;
	least = greatest = values[0];
	for (size_t i = 1; i < n; i++) {
		least = values[i] < least ? values[i] : least;
		greatest = values[i] > greatest ? values[i] : greatest;
	}
	return median != 0 ? (greatest - least) / median : 0;
}

static const char *verdict(const struct report_case *result)
{
	double figure = result->is_absolute ? result->value : result->ratio;
	double must = result->must, aim = result->aim;

	if (must == 0)
		return "info";
	if (result->more_is_better) {
		figure = -figure;
		must = -must;
		aim = -aim;
	}
	if (aim != 0 && figure <= aim)
		return "aim";
	return figure <= must ? "must" : "short";
}

static void cpu_name(char name[static 128])
{
	cleanup(close_file) FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];

	snprintf(name, 128, "unknown CPU");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "model name : %127[^\n]", name) == 1)
			return;
}

void report_head(const char *bench, const char *options, bool json)
{
	struct utsname system;
	char cpu[128];

	if (json || uname(&system))
		return;
	cpu_name(cpu);
	printf("# %s%s%s; Linux %s; %ld x %s\n", bench, options[0] ? ", " : "", options,
	       system.release, sysconf(_SC_NPROCESSORS_ONLN), cpu);
	printf("%-34s %10s %10s %7s %7s %6s %6s  %s\n", "case", "value", "baseline", "ratio",
	       "spread", "must", "aim", "verdict");
}

static void number(const char *name, double value, bool is_known)
{
	if (is_known)
		printf(", \"%s\": %.4g", name, value);
	else
		printf(", \"%s\": null", name);
}

static void report_json(const struct report_case *result)
{
	printf("{\"bench\": \"%s\", \"case\": \"%s\", \"unit\": \"%s\"", result->bench,
	       result->name, result->unit);
	number("value", result->value, true);
	number("baseline", result->baseline, result->baseline != 0);
	number("ratio", result->ratio, result->baseline != 0);
	number("spread", result->spread, true);
	number("must", result->must, result->must != 0);
	number("aim", result->aim, result->aim != 0);
	printf(", \"verdict\": \"%s\"}\n", verdict(result));
}

void report(const struct report_case *result, bool json)
{
	if (json)
		report_json(result);
	else
		printf("%-34s %7.1f %s %7.1f %s %7.2f %6.0f%% %6.2f %6.2f  %s\n", result->name,
		       result->value, result->unit, result->baseline, result->unit,
		       result->ratio, 100 * result->spread, result->must, result->aim,
		       verdict(result));
	fflush(stdout);
}

void report_rounds(struct report_case result, const double values[], const double baselines[],
		   size_t n, bool json)
{
	double ratios[REPORT_ROUNDS_MAX];

	result.value = report_median(values, n);
	result.spread = report_spread(values, n);
	if (baselines) {
		for (size_t i = 0; i < n; i++)
			ratios[i] = baselines[i] != 0 ? values[i] / baselines[i] : 0;
		result.baseline = report_median(baselines, n);
		result.ratio = report_median(ratios, n);
		result.spread = report_spread(ratios, n);
	}
	report(&result, json);
}
