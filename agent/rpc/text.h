/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8 as protobuf means it: no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef WAYMARK_RPC_TEXT_H
#define WAYMARK_RPC_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Octets of the valid character at text (of which `size` octets may be read), 0: none. */
size_t text_character(const char *text, size_t size);

bool text_valid(const char *text, size_t size);

/* Copies the string `from`, of which at most from_size octets are read: invalid octets become
 * '?'; what does not fit into `size`, and a character that `from` ends inside of, is left out.
 * Returns the new length. */
size_t text_clean(char *to, size_t size, const char *from, size_t from_size);

#endif
