/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WAYMARK_LOCAL_ADDRESS_H
#define WAYMARK_LOCAL_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Is this IPv6 address one of the host's own? That may be some milliseconds ago. False where
 * the kernel does not tell. */
bool local_address(const uint8_t address[16]);

#endif
