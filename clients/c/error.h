/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills struct waymark_error: from the library's own findings, and from the trailer
 * `grpc-status-details-bin` of an agent. Pure functions.
 */
#ifndef WAYMARK_CLIENT_ERROR_H
#define WAYMARK_CLIENT_ERROR_H

#include "waymark/client.h"

/* Resets *error (NULL is fine) to this code, field ("" for none) and message; returns code. */
__attribute__((format(printf, 4, 5))) int error_set(struct waymark_error *error, int code,
						    const char *field, const char *format, ...);

/* Adds what a packed google.rpc.Status says to *error; code and message stay. Bytes that are
 * none change nothing. */
void error_add_details(struct waymark_error *error, const uint8_t *data, size_t length);

/* Adds what a trailer `grpc-retry-pushback-ms` says: milliseconds; anything that is no such
 * number says "do not come back", as gRFC A6 has it. */
void error_add_pushback(struct waymark_error *error, const char *text, size_t length);

#endif
