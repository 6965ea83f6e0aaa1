/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WAYMARK_BOOT_ID_H
#define WAYMARK_BOOT_ID_H

#include <stdint.h>

/* The kernel's boot id: random, new with every boot. 0 or negative errno. */
int boot_id_read(uint8_t ret[static 16]);

#endif
