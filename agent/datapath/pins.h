/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's folder in the BPF file system. Whoever has it open holds it against every other
 * process; tcx links are pinned in it, so that they outlive the agent:
 *
 *	PIN_DIR/links/<ifindex>-egress, PIN_DIR/links/<ifindex>-ingress
 *
 * Interface numbers mean something in one network namespace only, so agents in different ones
 * need folders of their own; whether a link is where its name says is for tcx.h to find out.
 */
#ifndef WAYMARK_PINS_H
#define WAYMARK_PINS_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/hook.h"

struct pins;

/* One sentence without the path. */
#define PINS_ERROR_MAX 160

/* Opens the folder, made with mode 0700 if it is missing, and holds it until pins_close().
 * 0, or negative errno with a sentence: -EBUSY: another process holds it, and the sentence
 * says which; -EOPNOTSUPP: it is not on a BPF file system. */
int pins_open(const char *path, struct pins **ret, char error[static PINS_ERROR_MAX]);

/* What is pinned stays so. NULL is fine. */
void pins_close(struct pins *pins);

/* The pinned link, as a new descriptor, or negative errno; -ENOENT: there is none. */
int pins_link_get(const struct pins *pins, uint32_t ifindex, enum hook hook);

/* Pins a link. 0 or negative errno; -EEXIST: the name is taken. */
int pins_link_put(const struct pins *pins, uint32_t ifindex, enum hook hook, int link);

/* Takes the name away; the link lives on as long as a descriptor of it. */
void pins_link_remove(const struct pins *pins, uint32_t ifindex, enum hook hook);

/* Calls `each` for every link that is pinned; it may remove that one. */
void pins_each_link(const struct pins *pins,
		    void (*each)(const struct pins *pins, uint32_t ifindex, enum hook hook,
				 void *user),
		    void *user);

/* Takes away the pin of that name directly in the folder. Was it there? */
bool pins_remove(const struct pins *pins, const char *name);

/* Removes the folder if it is empty, of links too. */
void pins_remove_folder(const struct pins *pins);

#endif
