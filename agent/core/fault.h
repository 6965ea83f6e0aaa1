/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why an operation was refused: the four facts that every refusal carries to the client,
 * however it travels. Filled by whoever refuses, sent by service/.
 */
#ifndef WAYMARK_FAULT_H
#define WAYMARK_FAULT_H

#include <stdint.h>

/* Numbers are those of google.rpc.Code. */
enum fault_code {
	FAULT_NONE = 0,
	FAULT_INVALID_ARGUMENT = 3,
	FAULT_NOT_FOUND = 5,
	FAULT_ALREADY_EXISTS = 6,
	FAULT_PERMISSION_DENIED = 7,
	FAULT_RESOURCE_EXHAUSTED = 8,
	FAULT_FAILED_PRECONDITION = 9,
	FAULT_ABORTED = 10,
	FAULT_INTERNAL = 13,
	FAULT_UNAVAILABLE = 14,
};

struct fault {
	enum fault_code code;
	const char *reason; /* ErrorInfo.reason, UPPER_SNAKE; a constant */
	char field[64]; /* path in the request; empty if no field is to blame */
	char message[256]; /* one sentence that names the field's value */
};

/* Fills *fault (NULL is fine) and returns -EINVAL, so that `return fault_set(...)` reads
 * well. field may be NULL. */
__attribute__((format(printf, 5, 6))) int fault_set(struct fault *fault, enum fault_code code,
						    const char *reason, const char *field,
						    const char *format, ...);

/* Puts "outer." before the field's path. */
void fault_prefix(struct fault *fault, const char *outer);

#endif
