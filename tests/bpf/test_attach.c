/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attaching to interfaces of a private network namespace: by tcx and by clsact, beside
 * programs, filters and qdiscs of others, and after an agent that was killed.
 */
#include "check.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <marker.skel.h>

#include "datapath/attach.h"
#include "datapath/state.h"
#include "node.h"
#include "probe.h"

#define TCX_EGRESS ((enum bpf_attach_type)47)

static struct datapath *datapath;
static struct attach *attach;

static int make_node(void **state)
{
	(void)state;
	return node_make(&datapath);
}

static int drop_node(void **state)
{
	(void)state;
	attach_free(attach, true);
	attach = NULL;
	datapath_close(datapath);
	return 0;
}

static void attach_in(enum attach_mode mode)
{
	const struct attach_options options = {.mode = mode};

	assert_int_equal(attach_new(datapath, &options, &attach), 0);
}

static void detach(void)
{
	attach_free(attach, true);
	attach = NULL;
}

static struct attach_interface only_row(void)
{
	struct attach_interface row = {0};

	assert_int_equal(attach_list(attach, &row, 1), 1);
	return row;
}

static int add(const char *name)
{
	const struct device device = node_device(name);

	return attach_add(attach, &device);
}

static bool has_clsact(void)
{
	return node_has_clsact("wm0");
}

static bool egress_has(const char *program)
{
	return node_has_filter("wm0", HOOK_EGRESS, program);
}

static uint32_t tcx_programs(void)
{
	return node_tcx_programs("wm0", HOOK_EGRESS);
}

static void tcx_marks_until_it_is_freed(void **state)
{
	(void)state;
	node_needs(ATTACH_TCX);
	attach_in(ATTACH_NONE);
	assert_false(attach_any(attach));
	assert_int_equal(add("wm0"), 0);
	assert_true(attach_any(attach));
	assert_int_equal(only_row().mode, ATTACH_TCX);
	assert_int_equal(only_row().ifindex, if_nametoindex("wm0"));
	assert_string_equal(only_row().error, "");
	assert_int_equal(tcx_programs(), 1);
	assert_false(has_clsact());
	assert_int_equal(node_label(), NODE_LABEL);
	detach();
	assert_int_equal(tcx_programs(), 0);
	assert_int_not_equal(node_label(), NODE_LABEL);
}

static void clsact_marks_until_it_is_freed(void **state)
{
	(void)state;
	attach_in(ATTACH_CLSACT);
	assert_int_equal(add("wm0"), 0);
	assert_int_equal(only_row().mode, ATTACH_CLSACT);
	assert_int_equal(tcx_programs(), 0);
	assert_true(egress_has("mark_l2"));
	assert_int_equal(node_label(), NODE_LABEL);
	detach();
	assert_false(has_clsact());
	assert_int_not_equal(node_label(), NODE_LABEL);
}

static void a_foreign_clsact_survives(void **state)
{
	(void)state;
	node_run("tc qdisc add dev wm0 clsact");
	attach_in(ATTACH_CLSACT);
	assert_int_equal(add("wm0"), 0);
	assert_int_equal(node_label(), NODE_LABEL);
	detach();
	assert_true(has_clsact());
	assert_false(egress_has("mark_l2"));
}

/* Whoever came after us to the qdisc that we made keeps it. */
static void foreign_filters_survive(const char *where)
{
	char command[256], before[4096];

	attach_in(ATTACH_CLSACT);
	assert_int_equal(add("wm0"), 0);
	node_run("tc filter add dev wm0 %s protocol all prio 30000 u32 match u32 0 0", where);
	snprintf(command, sizeof(command), "tc filter show dev wm0 %s prio 30000", where);
	snprintf(before, sizeof(before), "%s", node_shown("%s", command));
	assert_non_null(strstr(before, "u32"));
	detach();
	assert_string_equal(node_shown("%s", command), before);
	assert_false(egress_has("mark_l2"));
	node_run("tc qdisc del dev wm0 clsact");
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
	int link;

	(void)state;
	node_needs(ATTACH_TCX);
	link = bpf_link_create(program, (int)if_nametoindex("wm0"), TCX_EGRESS, NULL);
	assert_true(link >= 0);
	attach_in(ATTACH_TCX);
	assert_int_equal(add("wm0"), 0);
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
		_exit(add("wm0") ? 1 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_true(egress_has("mark_l2"));
}

static unsigned filters_on_egress(void)
{
	const char *at = node_shown("tc filter show dev wm0 egress");
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
	assert_int_equal(add("wm0"), 0);
	assert_int_equal(filters_on_egress(), 1);
	assert_true(egress_has("mark_l2"));
	assert_int_equal(node_label(), NODE_LABEL);
	detach();
	assert_false(egress_has("mark_l2"));
}

static void a_leftover_of_ours_gives_way_to_tcx(void **state)
{
	(void)state;
	node_needs(ATTACH_TCX);
	leave_a_filter();
	attach_in(ATTACH_NONE);
	assert_int_equal(add("wm0"), 0);
	assert_int_equal(only_row().mode, ATTACH_TCX);
	assert_false(egress_has("mark_l2"));
	assert_int_equal(node_label(), NODE_LABEL);
}

/* Somebody else's program in the place that is ours by number, not by name. */
static int put_foreign_filter(uint32_t handle, uint32_t flags)
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
	options.handle = handle;
	options.priority = ATTACH_CLSACT_PRIORITY;
	return bpf_tc_attach(&hook, &options);
}

static void a_place_that_is_taken_stays_so(void **state)
{
	(void)state;
	node_run("tc qdisc add dev wm0 clsact");
	assert_int_equal(put_foreign_filter(ATTACH_CLSACT_HANDLE_GUEST, 0), 0);
	attach_in(ATTACH_CLSACT);
	assert_int_equal(add("wm0"), -EEXIST);
	assert_string_equal(only_row().error,
			    "clsact: another filter has the priority and handle of ours");
	detach();
	assert_true(egress_has("observe_l2"));
}

static void a_filter_that_took_our_place_survives(void **state)
{
	(void)state;
	attach_in(ATTACH_CLSACT);
	assert_int_equal(add("wm0"), 0);
	assert_int_equal(put_foreign_filter(ATTACH_CLSACT_HANDLE, BPF_TC_F_REPLACE), 0);
	detach();
	assert_true(egress_has("observe_l2"));
}

static void an_ingress_qdisc_is_not_mistaken(void **state)
{
	(void)state;
	node_run("tc qdisc add dev wm0 ingress");
	attach_in(ATTACH_CLSACT);
	assert_int_equal(add("wm0"), -EBUSY);
	assert_string_equal(only_row().error,
			    "clsact: an ingress qdisc is in the place of clsact");
	detach();
	assert_non_null(strstr(node_shown("tc qdisc show dev wm0"), "ingress"));
	assert_string_equal(node_shown("tc filter show dev wm0 ingress"), "");
}

static void a_missing_interface_is_shown(void **state)
{
	struct attach_interface missing;

	(void)state;
	attach_in(ATTACH_NONE);
	assert_int_equal(attach_expect(attach, "later0", true, &missing), 1);
	assert_int_equal(attach_expect(attach, "later0", true, &missing), 0);
	assert_string_equal(missing.name, "later0");
	assert_string_equal(only_row().name, "later0");
	assert_string_equal(only_row().error, "interface: no such interface");
	assert_int_equal(only_row().ifindex, 0);
	assert_int_equal(only_row().mode, ATTACH_NONE);

	node_run("ip link add later0 type veth peer name later1");
	assert_int_equal(add("later0"), 0);
	assert_int_equal(only_row().mode, node_has_tcx() ? ATTACH_TCX : ATTACH_CLSACT);
	assert_int_equal(add("later0"), -EALREADY);
	assert_int_equal(attach_list(attach, NULL, 0), 1);
	assert_int_equal(attach_expect(attach, "other0", true, &missing), 1);
	assert_int_equal(attach_expect(attach, "other0", false, &missing), 0);
	assert_string_equal(only_row().name, "later0");
}

static void a_device_that_is_gone_is_told(void **state)
{
	struct device device = node_device("wm0");

	(void)state;
	attach_in(ATTACH_NONE);
	device.ifindex = 4711;
	assert_int_equal(attach_add(attach, &device), -ENODEV);
	assert_string_equal(only_row().error, node_has_tcx() ? "tcx: no such interface"
							     : "clsact: no such interface");
}

static void the_observer_hangs_beside(void **state)
{
	const enum attach_mode *mode = *state;
	const struct attach_options options = {.mode = *mode, .observe = true};
	const bool by_tcx = *mode == ATTACH_TCX;

	node_needs(*mode);
	assert_int_equal(attach_new(datapath, &options, &attach), 0);
	assert_int_equal(add("wm0"), 0);
	assert_int_equal(node_tcx_programs("wm0", HOOK_INGRESS), by_tcx);
	assert_int_equal(node_has_filter("wm0", HOOK_INGRESS, "observe_l2"), !by_tcx);
	assert_int_equal(node_label(), NODE_LABEL);
	detach();
	assert_int_equal(node_tcx_programs("wm0", HOOK_INGRESS), 0);
	assert_false(has_clsact());
}

/* Whatever its own place in the packets' way is called. */
static void a_foreign_root_qdisc_stays(void **state)
{
	static const char *const qdiscs[] = {"pfifo limit 77",
					     "tbf rate 1gbit burst 100k latency 10ms", "sfq",
					     "fq_codel", "prio"};
	const enum attach_mode *mode = *state;
	unsigned seen = 0;

	node_needs(*mode);
	for (size_t i = 0; i < 5; i++) {
		char command[128], before[512];

		snprintf(command, sizeof(command), "tc qdisc add dev wm0 root handle 7: %s",
			 qdiscs[i]);
		if (!node_try(command)) {
			print_message("skipped: this kernel has no %s\n", qdiscs[i]);
			continue;
		}
		snprintf(before, sizeof(before), "%s", node_shown("tc qdisc show dev wm0"));
		attach_in(*mode);
		assert_int_equal(add("wm0"), 0);
		assert_int_equal(node_label(), NODE_LABEL);
		assert_non_null(strstr(node_shown("tc qdisc show dev wm0"), " 7: root"));
		detach();
		assert_string_equal(node_shown("tc qdisc show dev wm0"), before);
		node_run("tc qdisc del dev wm0 root");
		seen++;
	}
	assert_true(seen > 0);
}

static void a_device_without_ethernet_header_gets_the_other_program(void **state)
{
	int tun = node_tun("wmtun");

	(void)state;
	node_run("ip link set wmtun up && ip -6 address add fd01::1/64 dev wmtun nodad");
	attach_in(ATTACH_NONE);
	assert_int_equal(add("wmtun"), 0);
	assert_int_equal(probe_label_tun("fd01::2", tun), NODE_LABEL);
	close(tun);
}

static void a_strange_link_type_is_refused(void **state)
{
	int tun = node_tun("wmtun");

	(void)state;
	assert_int_equal(ioctl(tun, TUNSETLINK, ARPHRD_INFINIBAND), 0);
	attach_in(ATTACH_NONE);
	assert_int_equal(add("wmtun"), -EAFNOSUPPORT);
	assert_int_equal(only_row().ifindex, if_nametoindex("wmtun"));
	assert_non_null(strstr(only_row().error, "neither Ethernet's nor IP's"));
	close(tun);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_node, drop_node)
#define TEST_BY_BOTH(function)                            \
	NODE_TEST_BY_TCX(function, make_node, drop_node), \
		NODE_TEST_BY_CLSACT(function, make_node, drop_node)

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
		TEST(a_missing_interface_is_shown),
		TEST(a_device_that_is_gone_is_told),
		TEST_BY_BOTH(the_observer_hangs_beside),
		TEST_BY_BOTH(a_foreign_root_qdisc_stays),
		TEST(a_device_without_ethernet_header_gets_the_other_program),
		TEST(a_strange_link_type_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
