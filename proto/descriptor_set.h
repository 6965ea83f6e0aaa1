/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The FileDescriptorSet of every contract in this folder, imports included.
 */
#ifndef WAYMARK_DESCRIPTOR_SET_H
#define WAYMARK_DESCRIPTOR_SET_H

#include <stddef.h>
#include <stdint.h>

extern const uint8_t descriptor_set[];
extern const uint8_t descriptor_set_end[];

static inline size_t descriptor_set_size(void)
{
	return (size_t)(descriptor_set_end - descriptor_set);
}

#endif
