/* SPDX-License-Identifier: Apache-2.0 */
/* Runs command lines of `waymark` against an agent that has one mark and a script. */
#ifndef CLI_HARNESS_H
#define CLI_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARGV(...) ((const char *[]){__VA_ARGS__, NULL})

/* What came of the last command line. */
struct cli_result {
	int code;
	char *out, *err;
};

/* What the agent is to do, and what it was asked. */
struct cli_script {
	int code; /* of a refusal; 0: none */
	bool with_mark; /* the agent has its mark */
	int64_t ttl; /* s, of the mark; 0: none */
	int64_t expire_time; /* s since 1970, with ttl */
	uint8_t request[4096]; /* the last one */
	size_t request_length;
	int pages; /* of ListMarks, answered so far */
	const char *refuse_field; /* that a refusal blames; NULL: the usual one */
	char log[1024]; /* of batches, streams and leases: "apply 3;" and so on */
};

extern struct cli_result result;
extern struct cli_script script;

/* Fixtures of cmocka: a fresh agent and script, and WAYMARK_TARGET set to it. */
int cli_setup(void **state);
int cli_teardown(void **state);

/* Writes a file of its own and returns its path, until the next call. */
const char *write_file(const char *text);

/* Runs `waymark argv...` and returns its exit code; the rest is in `result`. */
int run(const char **argv);

#endif
