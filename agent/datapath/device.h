/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has to be known of an interface before a program can hang on it.
 */
#ifndef WAYMARK_DEVICE_H
#define WAYMARK_DEVICE_H

#include <net/if.h>
#include <stdint.h>

struct device {
	char name[IF_NAMESIZE];
	uint32_t ifindex;
	uint16_t type; /* ARPHRD_* */
};

/* With which header do its packets begin? 1: Ethernet's, 0: IP's, -EAFNOSUPPORT: another. */
int device_has_ethernet_header(const struct device *device);

#endif
