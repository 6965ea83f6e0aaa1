/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people write as values of options and arguments. Every reader is an option_reader, is
 * strict (the whole text or nothing), and says what it wanted.
 */
#ifndef WAYMARK_CLI_VALUE_H
#define WAYMARK_CLI_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "option.h"
#include "waymark/v1/marker.pb-c.h"

#define SCITAG_NAME_MAX 127 /* octets of one half */

/* A number that may be absent. */
struct value_number {
	bool given;
	uint32_t number;
};

/* A length of time that may be absent. */
struct value_duration {
	bool given;
	int64_t seconds;
};

/* A SciTag, each half by id or by name. */
struct value_scitag {
	bool given;
	uint32_t experiment_id; /* 0: by name */
	uint32_t activity_id; /* 0: by name, or unknown */
	char experiment[SCITAG_NAME_MAX + 1]; /* empty: by id */
	char activity[SCITAG_NAME_MAX + 1]; /* empty: by id */
};

struct value_kinds {
	size_t count;
	Waymark__V1__Kind kinds[4]; /* each once */
};

enum value_output { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_JSONL };

/* A decimal number in minimum..maximum, without sign, space or anything behind it. */
bool number_read(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *ret);

/* Readers; the type of *ret stands behind each. */
option_reader read_flag; /* bool */
option_reader read_text; /* const char *, not empty */
option_reader read_port; /* uint32_t, 1..65535 */
option_reader read_count; /* uint32_t, 1..4294967295 */
option_reader read_u64; /* uint64_t, 1..18446744073709551615 */
option_reader read_protocol; /* uint32_t, IANA number; by name, ASCII case does not matter */
option_reader read_dscp; /* struct value_number, 0..63 */
option_reader read_label; /* struct value_number, 0..0xFFFFF, decimal or 0x hexadecimal */
option_reader read_kind; /* struct value_kinds; each use adds one */
option_reader read_seconds; /* int64_t milliseconds, 0.001..86400 seconds */
option_reader read_ttl; /* struct value_duration: "90s", "1d12h" or "PT1H30M"; not 0 */
option_reader read_output; /* enum value_output */

/* struct value_scitag: "EXP/ACT" with an id or a name on each side, "EXP" alone for an unknown
 * activity, or the protocol value EXP<<6|ACT. A label from the wire is refused with a hint. */
option_reader read_scitag;

#endif
