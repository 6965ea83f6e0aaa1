/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sets of maps that outlive an agent. `control` is pinned last and unpinned first: a
 * folder without it is what somebody left who was killed over it, and does not count.
 *
 *	DIR/maps	the set in force
 *	DIR/maps-new	one that is being made to replace it
 *	DIR/maps-old-N	replaced; programs on interfaces may still count there
 *
 * Of the first two the complete one is in force, and `maps` if both are. (The kernel reserves
 * names with a dot.)
 */
#ifndef WAYMARK_PINS_H
#define WAYMARK_PINS_H

#include <limits.h>

struct marker; /* the skeleton */

/* Agents that were killed one after the other, each while it replaced the maps. */
#define PINS_OLD_MAX 8

/* The names of all these folders; NULL at the end. */
extern const char *const pins_folders[];

/* The names of maps in them, of every layout since ABI_VERSION_OLDEST; NULL at the end. */
extern const char *const pins_names[];

enum pins_found {
	PINS_NONE,
	PINS_FIT, /* of the layout and the sizes of these programs */
	PINS_OTHER, /* of an older layout, then whole or not; or of other sizes */
};

struct pins_path {
	char text[PATH_MAX];
};

/* Looks what is in force, after removing halves of sets. Programs that are opened but not
 * loaded are made to use what fits. 0; -EPROTO: a map is missing, or the layout is of a newer
 * agent or too old; -ENODEV: this is no bpffs; or what the kernel said. On failure
 * datapath_last_message() says more. */
int pins_find(const struct marker *programs, const char *dir, enum pins_found *ret);

/* Pins the maps of loaded programs where nothing is in force. The same errors. */
int pins_make(const struct marker *programs, const char *dir);

/* Pins the maps of loaded programs in the place of those in force, which become the old set
 * with this number, all at once: whoever is killed here leaves either in force. */
int pins_replace(const struct marker *programs, const char *dir, unsigned *ret_old);

/* The folder of the set in force, and of an old one. */
struct pins_path pins_folder(const char *dir);
struct pins_path pins_old_folder(const char *dir, unsigned number);

/* Numbers of the old sets, of which there are as many as it returns. */
unsigned pins_old_list(const char *dir, unsigned numbers[static PINS_OLD_MAX]);

/* Lets an old set go. 0 or negative errno. */
int pins_old_drop(const struct marker *programs, const char *dir, unsigned number);

#endif
