/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has to be known of an interface before a program can hang on it.
 */
#ifndef WAYMARK_DEVICE_H
#define WAYMARK_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

struct device {
	uint32_t ifindex;
	bool has_ethernet_header; /* else its packets begin with the IP header */
};

/* name: shorter than IF_NAMESIZE. 0; -ENODEV; -EAFNOSUPPORT: its packets begin with some other
 * header, ret->ifindex is set all the same; or what the kernel said. */
int device_find(const char *name, struct device *ret);

#endif
