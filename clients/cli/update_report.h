/* SPDX-License-Identifier: Apache-2.0 */
/* What became of the updates of a file: a summary, each failure with its line, an exit code. */
#ifndef WAYMARK_CLI_UPDATE_REPORT_H
#define WAYMARK_CLI_UPDATE_REPORT_H

#include "update_list.h"

#define OUTCOMES 6 /* enum waymark.v1.Outcome */

struct update_report {
	struct cli *cli;
	const struct update_list *list;
	bool dry_run;
	uint64_t outcomes[OUTCOMES]; /* how many had each */
	uint64_t done; /* without failure, whatever their outcome */
	uint64_t failed;
	int code; /* exit code of the first failure */
	json_t *results; /* json: all that were added */
};

void update_report_init(struct update_report *report, struct cli *cli,
			const struct update_list *list, bool dry_run);

/* first: the place in the list of the call's first update. */
void update_report_add(struct update_report *report, size_t first,
		       const Waymark__V1__UpdateResult *result);

/* An error of a call whose first update is `first`. A field that names one of its updates is
 * shown with that one's line. Returns the exit code. */
int update_report_error(struct update_report *report, size_t first,
			const struct waymark_error *error);

/* Prints the summary and releases the report. Returns the exit code. by_outcome: `outcomes` are
 * known. */
int update_report_end(struct update_report *report, bool by_outcome);

#endif
