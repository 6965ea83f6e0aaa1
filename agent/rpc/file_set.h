/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A serialised google.protobuf.FileDescriptorSet, searched in place. Without an index: it is
 * some ten KiB and asked by people.
 */
#ifndef WAYMARK_RPC_FILE_SET_H
#define WAYMARK_RPC_FILE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/read.h"

struct file_set {
	struct wire *files; /* one FileDescriptorProto each, as it came */
	size_t count;
};

/* Borrows the bytes. 0, -EBADMSG for other bytes, or -ENOMEM. */
int file_set_init(struct file_set *set, const uint8_t *bytes, size_t size);
void file_set_done(struct file_set *set);

/* Index of the file, or -ENOENT. Symbols are full names of messages, fields, oneofs, enums,
 * enum values, services and methods, without a leading dot. */
int file_set_find_name(const struct file_set *set, const char *name);
int file_set_find_symbol(const struct file_set *set, const char *symbol);

/* Marks the file and everything that it imports, directly or not. `wanted` has set->count
 * members, false at first. */
void file_set_closure(const struct file_set *set, int file, bool *wanted);

#endif
