/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries that an earlier agent has left in the maps: they go on marking, with the leases
 * that they refer to, until each is claimed or removed.
 */
#ifndef WAYMARK_ADOPTION_H
#define WAYMARK_ADOPTION_H

#include <stdint.h>

struct datapath;
struct leases;

struct adoption {
	uint32_t left; /* so many are neither claimed nor removed */
	uint8_t *unclaimed; /* [slot]; NULL: none is left */
	uint32_t *lease_of; /* [slot], of an unclaimed one */
	uint32_t *lease_users; /* [lease], unclaimed slots that refer to it */
};

/* Reads the maps of a datapath whose rooms are new, and brings slots, leases, filter and
 * tables to what they say. Entries that no agent can have made are removed. 0 or negative
 * errno; adoption_done() is due in any case. */
int adoption_init(struct datapath *datapath);
void adoption_done(struct adoption *adoption);

/* This slot is claimed or goes. The last to leave its old lease puts it back. */
void adoption_end(struct adoption *adoption, uint32_t slot, struct leases *leases,
		  uint64_t now);

#endif
