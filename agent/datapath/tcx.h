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

/* Does the link still hang on this interface of our network namespace? */
bool tcx_holds(uint32_t ifindex, enum hook hook, int link);

/* Takes off the link that is pinned under this name, wherever it hangs. Was there one? */
bool tcx_remove_leftover(const struct pin_folder *pins, uint32_t ifindex, enum hook hook);

#endif
