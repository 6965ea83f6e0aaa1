/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases and owners <-> the octets that are kept. Pure functions, any thread.
 */
#ifndef WAYMARK_STORE_LEASE_H
#define WAYMARK_STORE_LEASE_H

#include <stddef.h>

#include "store/store.h"

/* Octets that this version writes, at most. */
#define LEASE_SIZE_MAX 512
#define OWNER_SIZE_MAX 32

/* Return the number of octets. */
size_t lease_write(const struct store_lease *lease, uint8_t ret[static LEASE_SIZE_MAX]);
size_t owner_write(uint64_t election_id, uint8_t ret[static OWNER_SIZE_MAX]);

/* 0 or -EBADMSG; *ret is undefined on failure. */
int lease_read(uint64_t id, const void *bytes, size_t size, struct store_lease *ret);
int owner_read(const void *bytes, size_t size, uint64_t *ret_election_id);

#endif
