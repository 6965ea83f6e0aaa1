/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The maps that outlive an agent, pinned as DIR/maps/NAME. `control` is pinned last: without
 * it a folder is what somebody left who was killed over it, and does not count.
 */
#ifndef WAYMARK_PINS_H
#define WAYMARK_PINS_H

#include <stdbool.h>

struct marker; /* the skeleton */

/* Makes the programs, opened but not loaded, use the maps that are pinned; *ret: there are
 * any. Half a set is removed. 0; -EPROTO: they have another layout or other sizes; -ENODEV:
 * this is no bpffs; or what the kernel said. On failure datapath_last_message() says more. */
int pins_reuse(const struct marker *programs, const char *dir, bool *ret);

/* Pins the maps of loaded programs. The same errors. */
int pins_make(const struct marker *programs, const char *dir);

#endif
