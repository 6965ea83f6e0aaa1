/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/device.h"

#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "cleanup.h"

#ifndef ARPHRD_IP6GRE
#define ARPHRD_IP6GRE 823
#endif
#ifndef ARPHRD_RAWIP
#define ARPHRD_RAWIP 519
#endif

/* 1: Ethernet, 0: none, or -EAFNOSUPPORT. */
static int header_of(unsigned link_type)
{
	switch (link_type) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		return 1;
	case ARPHRD_NONE:
	case ARPHRD_RAWIP:
	case ARPHRD_PPP:
	case ARPHRD_TUNNEL:
	case ARPHRD_TUNNEL6:
	case ARPHRD_SIT:
	case ARPHRD_IPGRE:
	case ARPHRD_IP6GRE:
		return 0;
	default:
		return -EAFNOSUPPORT;
	}
}

int device_find(const char *name, struct device *ret)
{
	cleanup(close_fd) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {0};
	int header;

	if (fd < 0)
		return -errno;
	memcpy(request.ifr_name, name, strnlen(name, sizeof(request.ifr_name) - 1));
	if (ioctl(fd, SIOCGIFINDEX, &request))
		return -errno;
	ret->ifindex = (uint32_t)request.ifr_ifindex;
	if (ioctl(fd, SIOCGIFHWADDR, &request))
		return -errno;
	header = header_of(request.ifr_hwaddr.sa_family);
	if (header < 0)
		return header;
	ret->has_ethernet_header = header;
	return 0;
}
