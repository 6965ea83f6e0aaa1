/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "check.h"

#define MTU 9000
#define PATIENCE_MS 2000

void wire_namespace(void)
{
	if (unshare(CLONE_NEWNET))
		fail_msg("cannot make a network namespace: needs CAP_SYS_ADMIN");
}

static struct ifreq request_for(int ifindex)
{
	struct ifreq request = {0};

	snprintf(request.ifr_name, sizeof(request.ifr_name), "wire%d", ifindex);
	return request;
}

/* The index is chosen before the device comes to be. */
static int device_create(int ifindex, bool ethernet)
{
	struct ifreq request = request_for(ifindex);
	int device = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	assert_true(device >= 0);
	request.ifr_flags = (short)((ethernet ? IFF_TAP : IFF_TUN) | IFF_NO_PI);
	assert_int_equal(ioctl(device, TUNSETIFINDEX, &ifindex), 0);
	assert_int_equal(ioctl(device, TUNSETIFF, &request), 0);
	return device;
}

/* The kernel must send nothing of its own. */
static void ipv6_disable(int ifindex)
{
	char path[96];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/wire%d/disable_ipv6", ifindex);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs("1", file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void device_up(int ifindex)
{
	int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = request_for(ifindex);

	request.ifr_mtu = MTU;
	assert_int_equal(ioctl(control, SIOCSIFMTU, &request), 0);
	request = request_for(ifindex);
	request.ifr_flags = IFF_UP;
	assert_int_equal(ioctl(control, SIOCSIFFLAGS, &request), 0);
	close(control);
}

static void program_attach(int ifindex, int program)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program);

	assert_int_equal(bpf_tc_hook_create(&hook), 0);
	assert_int_equal(bpf_tc_attach(&hook, &options), 0);
}

static int sender_open(int ifindex)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IPV6), /* without Ethernet header: the only sign */
		.sll_ifindex = ifindex,
	};
	int sender = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1;

	assert_true(sender >= 0);
	assert_int_equal(setsockopt(sender, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(sender, (struct sockaddr *)&address, sizeof(address)), 0);
	return sender;
}

struct wire wire_open(int ifindex, bool ethernet, int program)
{
	struct wire wire = {.device = device_create(ifindex, ethernet), .ifindex = ifindex};

	ipv6_disable(ifindex);
	device_up(ifindex);
	program_attach(ifindex, program);
	wire.sender = sender_open(ifindex);
	return wire;
}

void wire_close(struct wire *wire)
{
	close(wire->sender);
	close(wire->device); /* takes the device and its program along */
}

void wire_send(const struct wire *wire, const struct frame *frame,
	       const struct virtio_net_hdr *offload)
{
	struct virtio_net_hdr header = {0};
	struct iovec parts[] = {
		{.iov_base = &header, .iov_len = sizeof(header)},
		{.iov_base = (void *)frame->bytes, .iov_len = frame->length},
	};

	if (offload)
		header = *offload;
	assert_int_equal(writev(wire->sender, parts, 2), sizeof(header) + frame->length);
}

static bool wait_for_packet(const struct wire *wire, int milliseconds)
{
	struct pollfd poller = {.fd = wire->device, .events = POLLIN};

	return poll(&poller, 1, milliseconds) == 1;
}

struct frame wire_receive(const struct wire *wire)
{
	struct frame frame = {0};
	ssize_t length;

	assert_true(wait_for_packet(wire, PATIENCE_MS));
	length = read(wire->device, frame.bytes, sizeof(frame.bytes));
	assert_true(length >= 0);
	frame.length = (size_t)length;
	return frame;
}

bool wire_is_empty(const struct wire *wire)
{
	return !wait_for_packet(wire, 0);
}
