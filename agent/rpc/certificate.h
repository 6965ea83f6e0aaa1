/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a certificate holds.
 */
#ifndef WAYMARK_RPC_CERTIFICATE_H
#define WAYMARK_RPC_CERTIFICATE_H

#include <stdint.h>

/* Seconds since 1970, both included. */
struct certificate_span {
	int64_t begin, end;
};

/* Of the first certificate in a PEM text. 0, -ENOMEM, or -EINVAL: there is none that can be
 * read. */
int certificate_read_span(const char *pem, struct certificate_span *ret);

#endif
