/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attaching to interfaces of a private network namespace: by tcx and by clsact, beside
 * programs, filters and qdiscs of others, and after an agent that was killed.
 */
#include "check.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <marker.skel.h>

#include "datapath/attach.h"
#include "datapath/state.h"
#include "probe.h"

#define TCX_EGRESS ((enum bpf_attach_type)47)
#define LABEL 0x54321u

static struct datapath *datapath;
static struct attach *attach;

static void run(const char *command)
{
	if (system(command))
		fail_msg("failed: %s", command);
}

static int make_node(void **state)
{
	const struct datapath_options options = {.marks = 8, .networks = 8};
	static const struct match everything = {.kind = MARK_NETWORK};
	struct datapath_change change = {
		.verb = DATAPATH_INSERT,
		.match = &everything,
		.action = {.label = MARK_LABEL_RAW, .flow_label = LABEL},
	};

	(void)state;
	if (unshare(CLONE_NEWNET) || datapath_open(&options, &datapath) ||
	    datapath_apply(datapath, &change, 1))
		return -1;
	run("ip link add wm0 type veth peer name wm1 && ip link set wm0 up && "
	    "ip link set wm1 up && ip -6 address add fd00::1/64 dev wm0 nodad && "
	    "ip -6 neighbour add fd00::2 lladdr 02:00:00:00:00:02 dev wm0");
	return 0;
}

static int drop_node(void **state)
{
	(void)state;
	attach_free(attach);
	attach = NULL;
	datapath_close(datapath);
	return 0;
}

static void attach_in(enum attach_mode mode)
{
	assert_int_equal(attach_new(datapath, mode, &attach), 0);
}

static void detach(void)
{
	attach_free(attach);
	attach = NULL;
}

static struct attach_interface only_row(void)
{
	struct attach_interface row = {0};

	assert_int_equal(attach_list(attach, &row, 1), 1);
	return row;
}

/* What `tc ... show` prints. */
static const char *shown(const char *what)
{
	static char text[4096];
	char command[256];
	FILE *pipe;

	snprintf(command, sizeof(command), "tc %s", what);
	pipe = popen(command, "re");
	assert_non_null(pipe);
	text[fread(text, 1, sizeof(text) - 1, pipe)] = '\0';
	pclose(pipe);
	return text;
}

static bool has_clsact(void)
{
	return strstr(shown("qdisc show dev wm0"), "clsact") != NULL;
}

static bool egress_has(const char *program)
{
	return strstr(shown("filter show dev wm0 egress"), program) != NULL;
}

static uint32_t tcx_programs(void)
{
	uint32_t ids[8], count = 8;

	assert_int_equal(
		bpf_prog_query((int)if_nametoindex("wm0"), TCX_EGRESS, 0, NULL, ids, &count),
		0);
	return count;
}

static uint32_t label_on_the_wire(void)
{
	return probe_label("fd00::2", "wm1");
}

static void tcx_marks_until_it_is_freed(void **state)
{
	(void)state;
	attach_in(ATTACH_NONE);
	assert_false(attach_any(attach));
	assert_int_equal(attach_add(attach, "wm0"), 0);
	assert_true(attach_any(attach));
	assert_int_equal(only_row().mode, ATTACH_TCX);
	assert_int_equal(only_row().ifindex, if_nametoindex("wm0"));
	assert_string_equal(only_row().error, "");
	assert_int_equal(tcx_programs(), 1);
	assert_false(has_clsact());
	assert_int_equal(label_on_the_wire(), LABEL);
	detach();
	assert_int_equal(tcx_programs(), 0);
	assert_int_not_equal(label_on_the_wire(), LABEL);
}

static void clsact_marks_until_it_is_freed(void **state)
{
	(void)state;
	attach_in(ATTACH_CLSACT);
	assert_int_equal(attach_add(attach, "wm0"), 0);
	assert_int_equal(only_row().mode, ATTACH_CLSACT);
	assert_int_equal(tcx_programs(), 0);
	assert_true(egress_has("mark_l2"));
	assert_int_equal(label_on_the_wire(), LABEL);
	detach();
	assert_false(has_clsact());
	assert_int_not_equal(label_on_the_wire(), LABEL);
}

static void a_foreign_clsact_survives(void **state)
{
	(void)state;
	run("tc qdisc add dev wm0 clsact");
	attach_in(ATTACH_CLSACT);
	assert_int_equal(attach_add(attach, "wm0"), 0);
	assert_int_equal(label_on_the_wire(), LABEL);
	detach();
	assert_true(has_clsact());
	assert_false(egress_has("mark_l2"));
}

/* Whoever came after us to the qdisc that we made keeps it. */
static void foreign_filters_survive(const char *where)
{
	char command[256], before[4096];

	attach_in(ATTACH_CLSACT);
	assert_int_equal(attach_add(attach, "wm0"), 0);
	snprintf(command, sizeof(command),
		 "tc filter add dev wm0 %s protocol all prio 30000 u32 match u32 0 0", where);
	run(command);
	snprintf(command, sizeof(command), "filter show dev wm0 %s prio 30000", where);
	snprintf(before, sizeof(before), "%s", shown(command));
	assert_non_null(strstr(before, "u32"));
	detach();
	assert_string_equal(shown(command), before);
	assert_false(egress_has("mark_l2"));
	run("tc qdisc del dev wm0 clsact");
}

static void a_foreign_filter_survives(void **state)
{
	(void)state;
	foreign_filters_survive("egress");
	foreign_filters_survive("ingress");
}

static void a_foreign_tcx_program_survives(void **state)
{
	int program = bpf_program__fd(datapath->programs->progs.observe_l2);
	int link = bpf_link_create(program, (int)if_nametoindex("wm0"), TCX_EGRESS, NULL);

	(void)state;
	assert_true(link >= 0);
	attach_in(ATTACH_TCX);
	assert_int_equal(attach_add(attach, "wm0"), 0);
	assert_int_equal(tcx_programs(), 2);
	detach();
	assert_int_equal(tcx_programs(), 1);
	close(link);
}

/* An agent that dies without a word. */
static void leave_a_filter(void)
{
	int status;
	pid_t child = fork();

	if (!child) {
		attach_in(ATTACH_CLSACT);
		_exit(attach_add(attach, "wm0") ? 1 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_true(egress_has("mark_l2"));
}

static unsigned filters_on_egress(void)
{
	const char *at = shown("filter show dev wm0 egress");
	unsigned count = 0;

	while ((at = strstr(at, "handle 0x"))) {
		count++;
		at++;
	}
	return count;
}

static void a_leftover_of_ours_is_replaced(void **state)
{
	(void)state;
	leave_a_filter();
	attach_in(ATTACH_CLSACT);
	assert_int_equal(attach_add(attach, "wm0"), 0);
	assert_int_equal(filters_on_egress(), 1);
	assert_true(egress_has("mark_l2"));
	assert_int_equal(label_on_the_wire(), LABEL);
	detach();
	assert_false(egress_has("mark_l2"));
}

static void a_leftover_of_ours_gives_way_to_tcx(void **state)
{
	(void)state;
	leave_a_filter();
	attach_in(ATTACH_NONE);
	assert_int_equal(attach_add(attach, "wm0"), 0);
	assert_int_equal(only_row().mode, ATTACH_TCX);
	assert_false(egress_has("mark_l2"));
	assert_int_equal(label_on_the_wire(), LABEL);
}

/* Somebody else's program in the place that is ours by number, not by name. */
static int put_foreign_filter(uint32_t flags)
{
	struct bpf_tc_hook hook;
	struct bpf_tc_opts options;

	memset(&hook, 0, sizeof(hook)); /* the padding too */
	hook.sz = sizeof(hook);
	hook.ifindex = (int)if_nametoindex("wm0");
	hook.attach_point = BPF_TC_EGRESS;
	memset(&options, 0, sizeof(options));
	options.sz = sizeof(options);
	options.prog_fd = bpf_program__fd(datapath->programs->progs.observe_l2);
	options.flags = flags;
	options.handle = ATTACH_CLSACT_HANDLE;
	options.priority = ATTACH_CLSACT_PRIORITY;
	return bpf_tc_attach(&hook, &options);
}

static void a_place_that_is_taken_stays_so(void **state)
{
	(void)state;
	run("tc qdisc add dev wm0 clsact");
	assert_int_equal(put_foreign_filter(0), 0);
	attach_in(ATTACH_CLSACT);
	assert_int_equal(attach_add(attach, "wm0"), -EEXIST);
	assert_string_equal(only_row().error,
			    "clsact: another filter has the priority and handle of ours");
	detach();
	assert_true(egress_has("observe_l2"));
}

static void a_filter_that_took_our_place_survives(void **state)
{
	(void)state;
	attach_in(ATTACH_CLSACT);
	assert_int_equal(attach_add(attach, "wm0"), 0);
	assert_int_equal(put_foreign_filter(BPF_TC_F_REPLACE), 0);
	detach();
	assert_true(egress_has("observe_l2"));
}

static void an_ingress_qdisc_is_not_mistaken(void **state)
{
	(void)state;
	run("tc qdisc add dev wm0 ingress");
	attach_in(ATTACH_CLSACT);
	assert_int_equal(attach_add(attach, "wm0"), -EBUSY);
	assert_string_equal(only_row().error,
			    "clsact: an ingress qdisc is in the place of clsact");
	detach();
	assert_non_null(strstr(shown("qdisc show dev wm0"), "ingress"));
	assert_string_equal(shown("filter show dev wm0 ingress"), "");
}

static void a_missing_interface_is_remembered(void **state)
{
	(void)state;
	attach_in(ATTACH_NONE);
	assert_int_equal(attach_add(attach, "later0"), -ENODEV);
	assert_string_equal(only_row().name, "later0");
	assert_string_equal(only_row().error, "interface: no such interface");
	assert_int_equal(only_row().ifindex, 0);
	assert_int_equal(only_row().mode, ATTACH_NONE);

	run("ip link add later0 type veth peer name later1");
	assert_int_equal(attach_add(attach, "later0"), 0);
	assert_int_equal(only_row().mode, ATTACH_TCX);
	assert_int_equal(attach_add(attach, "later0"), -EALREADY);
	assert_int_equal(attach_add(attach, "a-name-too-long!"), -EINVAL);
	assert_int_equal(attach_add(attach, ""), -EINVAL);
	assert_int_equal(attach_list(attach, NULL, 0), 1);
}

/* A tun device; returns its descriptor. */
static int make_tun(void)
{
	struct ifreq request = {.ifr_name = "wmtun", .ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	return fd;
}

static void a_device_without_ethernet_header_gets_the_other_program(void **state)
{
	int tun = make_tun();

	(void)state;
	run("ip link set wmtun up && ip -6 address add fd01::1/64 dev wmtun nodad");
	attach_in(ATTACH_NONE);
	assert_int_equal(attach_add(attach, "wmtun"), 0);
	assert_int_equal(probe_label_tun("fd01::2", tun), LABEL);
	close(tun);
}

static void a_strange_link_type_is_refused(void **state)
{
	int tun = make_tun();

	(void)state;
	assert_int_equal(ioctl(tun, TUNSETLINK, ARPHRD_INFINIBAND), 0);
	attach_in(ATTACH_NONE);
	assert_int_equal(attach_add(attach, "wmtun"), -EAFNOSUPPORT);
	assert_int_equal(only_row().ifindex, if_nametoindex("wmtun"));
	assert_non_null(strstr(only_row().error, "neither Ethernet's nor IP's"));
	close(tun);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_node, drop_node)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tcx_marks_until_it_is_freed),
		TEST(clsact_marks_until_it_is_freed),
		TEST(a_foreign_clsact_survives),
		TEST(a_foreign_filter_survives),
		TEST(a_foreign_tcx_program_survives),
		TEST(a_leftover_of_ours_is_replaced),
		TEST(a_leftover_of_ours_gives_way_to_tcx),
		TEST(a_place_that_is_taken_stays_so),
		TEST(a_filter_that_took_our_place_survives),
		TEST(an_ingress_qdisc_is_not_mistaken),
		TEST(a_missing_interface_is_remembered),
		TEST(a_device_without_ethernet_header_gets_the_other_program),
		TEST(a_strange_link_type_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
