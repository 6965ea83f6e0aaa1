/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends a UDP packet out of the host by the ordinary way and reads the flow label that it
 * carries at the other end. Either fails the test if the packet does not arrive.
 */
#ifndef WAYMARK_PROBE_H
#define WAYMARK_PROBE_H

#include <stdint.h>

/* To this address, as it arrives at an interface. */
uint32_t probe_label(const char *destination, const char *interface);

/* To this address, as it leaves by a tun device. */
uint32_t probe_label_tun(const char *destination, int tun);

#endif
