/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a mark writes, as the 64-bit word that the program reads. Pure functions.
 */
#ifndef WAYMARK_WORD_H
#define WAYMARK_WORD_H

#include <stdint.h>

#include "core/mark.h"

/* Never 0 for an action that writes something. Lease index 0: never expires. */
uint64_t word_encode(const struct mark_action *action, uint32_t lease);

/* Inverse of word_encode(); the lease index is ignored. */
struct mark_action word_decode(uint64_t word);

#endif
