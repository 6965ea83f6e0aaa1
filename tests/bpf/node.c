/* SPDX-License-Identifier: Apache-2.0 */
#include "node.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "datapath/datapath.h"
#include "probe.h"

#define TCX_INGRESS 46
#define TCX_EGRESS 47
#define LOOPBACK 1

int node_datapath(uint32_t label, struct datapath **ret)
{
	const struct datapath_options options = {.marks = 8, .networks = 8};
	static const struct match everything = {.kind = MARK_NETWORK};
	struct datapath_change change = {
		.verb = DATAPATH_INSERT,
		.match = &everything,
		.action = {.label = MARK_LABEL_RAW, .flow_label = label},
	};

	return datapath_open(&options, ret) || datapath_apply(*ret, &change, 1) ? -1 : 0;
}

int node_make(struct datapath **ret)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700") ||
	    node_datapath(NODE_LABEL, ret))
		return -1;
	node_run("ip link add wm0 type veth peer name wm1 && ip link set wm0 up && "
		 "ip link set wm1 up && ip -6 address add fd00::1/64 dev wm0 nodad && "
		 "ip -6 neighbour add fd00::2 lladdr 02:00:00:00:00:02 dev wm0");
	return 0;
}

void node_run(const char *format, ...)
{
	char command[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	if (system(command))
		fail_msg("failed: %s", command);
}

bool node_try(const char *command)
{
	char quiet[512];

	snprintf(quiet, sizeof(quiet), "{ %s; } >/dev/null 2>&1", command);
	return system(quiet) == 0;
}

const char *node_shown(const char *format, ...)
{
	static char text[4096];
	char command[256];
	va_list arguments;
	FILE *pipe;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	pipe = popen(command, "re");
	assert_non_null(pipe);
	text[fread(text, 1, sizeof(text) - 1, pipe)] = '\0';
	pclose(pipe);
	return text;
}

struct device node_device(const char *name)
{
	struct device device = {.ifindex = if_nametoindex(name)};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {0};

	assert_true(fd >= 0);
	snprintf(device.name, sizeof(device.name), "%s", name);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (device.ifindex) {
		assert_int_equal(ioctl(fd, SIOCGIFHWADDR, &request), 0);
		device.type = request.ifr_hwaddr.sa_family;
	}
	close(fd);
	return device;
}

bool node_has_clsact(const char *interface)
{
	return strstr(node_shown("tc qdisc show dev %s", interface), "clsact") != NULL;
}

bool node_has_filter(const char *interface, enum hook hook, const char *program)
{
	return strstr(node_shown("tc filter show dev %s %s", interface, hook_name(hook)),
		      program) != NULL;
}

static int tcx_query(unsigned ifindex, enum hook hook, uint32_t *ret)
{
	const int type = hook == HOOK_EGRESS ? TCX_EGRESS : TCX_INGRESS;
	uint32_t ids[8], count = 8;
	int error =
		bpf_prog_query((int)ifindex, (enum bpf_attach_type)type, 0, NULL, ids, &count);

	*ret = count;
	return error;
}

bool node_has_tcx(void)
{
	uint32_t count;

	return tcx_query(LOOPBACK, HOOK_EGRESS, &count) != -EINVAL;
}

void node_needs(enum attach_mode mode)
{
	if (mode != ATTACH_TCX || node_has_tcx())
		return;
	print_message("skipped: this kernel has no tcx\n");
	skip();
}

uint32_t node_tcx_programs(const char *interface, enum hook hook)
{
	uint32_t count;

	if (!node_has_tcx())
		return 0;
	assert_int_equal(tcx_query(if_nametoindex(interface), hook, &count), 0);
	return count;
}

bool node_is_attached(const char *interface, enum hook hook)
{
	if (node_has_tcx())
		return node_tcx_programs(interface, hook) == 1;
	return node_has_filter(interface, hook, hook == HOOK_EGRESS ? "mark_l" : "observe_l");
}

int node_tun(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	return fd;
}

uint32_t node_label(void)
{
	return probe_label("fd00::2", "wm1");
}
