/* SPDX-License-Identifier: Apache-2.0 */
/* The options that all writes share: who writes, and whether in earnest. */
#ifndef WAYMARK_CLI_WRITE_OPTION_H
#define WAYMARK_CLI_WRITE_OPTION_H

#include "cli.h"

struct write_values {
	const char *owner; /* NULL: the context's, else the caller's own */
	uint64_t election_id; /* 0: none */
	bool dry_run;
};

/* Rows of an option table that fills a struct with `struct write_values write`. */
/* clang-format off */
#define WRITE_OPTIONS(type)                                                                     \
	{"--owner", 0, "WHO", NULL, "for whom this is done; default yourself, admins only",     \
	 read_text, offsetof(type, write.owner)},                                               \
	{"--election-id", 0, "N", NULL, "fences off controllers of this owner with a lower one", \
	 read_u64, offsetof(type, write.election_id)},                                          \
	{"--dry-run", 0, NULL, NULL, "check everything, say what would happen, change nothing", \
	 read_flag, offsetof(type, write.dry_run)}
/* clang-format on */

/* The message, in *storage; NULL where it would say nothing. */
Waymark__V1__WriteOptions *write_options(const struct cli *cli,
					 const struct write_values *values,
					 Waymark__V1__WriteOptions *storage);

#endif
