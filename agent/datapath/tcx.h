/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program on an interface by a tcx link, from kernel 6.6 on. With pins the link has a name
 * there and outlives the agent; without (NULL) it lasts as long as its descriptor.
 */
#ifndef WAYMARK_TCX_H
#define WAYMARK_TCX_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/pin_folder.h"

/* Adopts the link that an earlier agent has pinned, which gets the program in one step, or
 * makes one. Its descriptor, or -EOPNOTSUPP where the kernel has no tcx, or what else it
 * said. */
int tcx_attach(const struct pin_folder *pins, uint32_t ifindex, enum hook hook, int program);

/* Takes the program off, and the pin. */
void tcx_detach(const struct pin_folder *pins, uint32_t ifindex, enum hook hook, int link);

/* Does the link still hang on this interface? Whoever has CAP_NET_ADMIN also learns whether
 * that is one of our network namespace. */
bool tcx_holds(uint32_t ifindex, enum hook hook, int link);

/* Does the kernel have tcx? Needs CAP_NET_ADMIN. */
bool tcx_is_supported(void);

/* Takes off pinned links that do not hang where their names say, for instance on an interface
 * of another network namespace. Needs CAP_NET_ADMIN. */
void tcx_remove_strangers(const struct pin_folder *pins);

/* Takes off the link that is pinned under this name, wherever it hangs. Was there one? */
bool tcx_remove_leftover(const struct pin_folder *pins, uint32_t ifindex, enum hook hook);

#endif
