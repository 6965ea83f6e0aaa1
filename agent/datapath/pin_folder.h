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
#ifndef WAYMARK_PIN_FOLDER_H
#define WAYMARK_PIN_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/hook.h"

struct pin_folder;

/* One sentence without the path. */
#define PIN_FOLDER_ERROR_MAX 160

/* Opens the folder, made with mode 0700 if it is missing, and holds it until
 * pin_folder_close(). 0, or negative errno with a sentence: -EBUSY: another process holds it,
 * and the sentence says which; -EOPNOTSUPP: it is not on a BPF file system. */
int pin_folder_open(const char *path, struct pin_folder **ret,
		    char error[static PIN_FOLDER_ERROR_MAX]);

/* What is pinned stays so. NULL is fine. */
void pin_folder_close(struct pin_folder *pins);

/* The pinned link, as a new descriptor, or negative errno; -ENOENT: there is none. */
int pin_folder_get(const struct pin_folder *pins, uint32_t ifindex, enum hook hook);

/* Pins a link. 0 or negative errno; -EEXIST: the name is taken. */
int pin_folder_put(const struct pin_folder *pins, uint32_t ifindex, enum hook hook, int link);

/* Takes the name away; the link lives on as long as a descriptor of it. */
void pin_folder_drop(const struct pin_folder *pins, uint32_t ifindex, enum hook hook);

/* Calls `each` for every link that is pinned; it may remove that one. */
void pin_folder_each(const struct pin_folder *pins,
		     void (*each)(const struct pin_folder *pins, uint32_t ifindex,
				  enum hook hook, void *user),
		     void *user);

/* Takes away the pins of maps with this name in all the folders of pins.h; returns how many
 * there were. */
unsigned pin_folder_remove_map(const struct pin_folder *pins, const char *map);

/* Removes the folder if it is empty, of links and maps too. */
void pin_folder_remove_empty(const struct pin_folder *pins);

#endif
