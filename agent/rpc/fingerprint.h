/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WAYMARK_RPC_FINGERPRINT_H
#define WAYMARK_RPC_FINGERPRINT_H

#include <stddef.h>

/* "sha256:" and 64 hex digits. */
#define FINGERPRINT_SIZE 72

/* Writes the SHA-256 of the first certificate in this PEM text, as `openssl x509 -fingerprint`
 * has it but in lower case and without colons; "" if there is none. Pure, any thread. */
void fingerprint_find(const char *pem, size_t length, char ret[static FINGERPRINT_SIZE]);

#endif
