/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Updates from a file, kept packed: a million of them is no more than the wire would carry.
 */
#ifndef WAYMARK_CLI_UPDATE_LIST_H
#define WAYMARK_CLI_UPDATE_LIST_H

#include "cli.h"

struct update_list {
	const char *name; /* of the file, as errors show it */
	uint8_t *bytes;
	size_t length;
	size_t capacity;
	size_t count;
	size_t *ends; /* of each update in bytes */
	size_t *lines; /* where each stood */
	size_t room; /* of the two */
};

/*
 * Reads the whole file, "-" for standard input. Each value is a mark, which is to be set, or,
 * unless marks_only, an update {"set": MARK} or {"clear": MATCH}, with "precondition" if it has
 * one. 0, or the exit code after printing what is wrong, with lines: then nothing may be sent.
 */
int update_list_read(struct cli *cli, struct update_list *list, const char *path,
		     bool marks_only);
void update_list_done(struct update_list *list);

/* Octets of one update. */
size_t update_list_size(const struct update_list *list, size_t index);
/* The caller frees it. */
Waymark__V1__MarkUpdate *update_list_get(const struct update_list *list, size_t index);

#endif
