/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What outlives the agent: pinned links and filters, their adoption by the next one, and how
 * all of it is taken off.
 */
#include "check.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <marker.skel.h>

#include "datapath/attach.h"
#include "datapath/clean.h"
#include "datapath/links.h"
#include "datapath/pin_folder.h"
#include "datapath/state.h"
#include "node.h"

#define TCX_EGRESS ((enum bpf_attach_type)47)
#define NEXT_LABEL 0x12345u

static struct datapath *datapath, *next;
static struct pin_folder *pins;
static struct attach *attach;

static int make_node(void **state)
{
	(void)state;
	return node_make(&datapath) || node_datapath(NEXT_LABEL, &next) ? -1 : 0;
}

static void stop(bool detach)
{
	attach_free(attach, detach);
	attach = NULL;
	pin_folder_close(pins);
	pins = NULL;
}

static int drop_node(void **state)
{
	(void)state;
	stop(true);
	datapath_close(datapath);
	datapath_close(next);
	return 0;
}

static void take_pins(void)
{
	char error[PIN_FOLDER_ERROR_MAX] = "";

	if (pin_folder_open(NODE_PIN_DIR, &pins, error))
		fail_msg("%s", error);
}

static void start_with(const struct datapath *used, enum attach_mode mode, bool observe)
{
	struct attach_options options = {.mode = mode, .observe = observe};

	take_pins();
	options.pins = pins;
	assert_int_equal(attach_new(used, &options, &attach), 0);
}

static int add(const char *name)
{
	const struct device device = node_device(name);

	return attach_add(attach, &device);
}

/* An agent that hangs on these interfaces and is killed. */
static void agent_killed(enum attach_mode mode, bool observe, const char *const names[])
{
	int status;
	pid_t child = fork();

	if (!child) {
		start_with(datapath, mode, observe);
		for (; *names; names++)
			if (add(*names))
				_exit(1);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static const char *const only_wm0[] = {"wm0", NULL};

static bool is_pinned(const char *interface, enum hook hook)
{
	char path[128];

	snprintf(path, sizeof(path), NODE_PIN_DIR "/links/%u-%s", if_nametoindex(interface),
		 hook_name(hook));
	return access(path, F_OK) == 0;
}

/* Number of the kernel's link behind a pin. */
static uint32_t link_id(const char *interface)
{
	struct bpf_link_info info = {0};
	uint32_t size = sizeof(info);
	int link;

	take_pins();
	link = pin_folder_get(pins, if_nametoindex(interface), HOOK_EGRESS);
	assert_true(link >= 0);
	assert_int_equal(bpf_obj_get_info_by_fd(link, &info, &size), 0);
	close(link);
	pin_folder_close(pins);
	pins = NULL;
	return info.id;
}

/* ---- after a kill ---- */

static void a_pinned_link_marks_on_and_is_adopted(void **state)
{
	uint32_t id;

	(void)state;
	node_needs(ATTACH_TCX);
	agent_killed(ATTACH_TCX, false, only_wm0);
	assert_int_equal(node_label(), NODE_LABEL);
	id = link_id("wm0");

	start_with(next, ATTACH_NONE, false);
	assert_int_equal(node_label(), NODE_LABEL);
	assert_int_equal(add("wm0"), 0);
	assert_int_equal(node_tcx_programs("wm0", HOOK_EGRESS), 1);
	assert_int_equal(node_label(), NEXT_LABEL);
	stop(false);
	assert_int_equal(link_id("wm0"), id);
	assert_int_equal(node_label(), NEXT_LABEL);
}

static void a_filter_marks_on_and_is_replaced(void **state)
{
	(void)state;
	agent_killed(ATTACH_CLSACT, false, only_wm0);
	assert_int_equal(node_label(), NODE_LABEL);
	start_with(next, ATTACH_CLSACT, false);
	assert_int_equal(add("wm0"), 0);
	assert_int_equal(node_label(), NEXT_LABEL);
	stop(false);
	assert_int_equal(node_label(), NEXT_LABEL);
}

/* The agent that detaches is not the one that made the qdisc. */
static void a_qdisc_of_ours_is_known_later(void **state)
{
	(void)state;
	agent_killed(ATTACH_CLSACT, true, only_wm0);
	start_with(next, ATTACH_CLSACT, true);
	assert_int_equal(add("wm0"), 0);
	stop(true);
	assert_false(node_has_clsact("wm0"));
}

static void a_foreign_qdisc_is_known_later(void **state)
{
	(void)state;
	node_run("tc qdisc add dev wm0 clsact");
	agent_killed(ATTACH_CLSACT, true, only_wm0);
	start_with(next, ATTACH_CLSACT, true);
	assert_int_equal(add("wm0"), 0);
	stop(true);
	assert_true(node_has_clsact("wm0"));
	assert_false(node_has_filter("wm0", HOOK_EGRESS, "mark_l2"));
	assert_false(node_has_filter("wm0", HOOK_INGRESS, "observe_l2"));
}

static void one_way_gives_way_to_the_other(void **state)
{
	(void)state;
	node_needs(ATTACH_TCX);
	agent_killed(ATTACH_TCX, true, only_wm0);
	start_with(next, ATTACH_CLSACT, true);
	assert_int_equal(add("wm0"), 0);
	assert_int_equal(node_tcx_programs("wm0", HOOK_EGRESS), 0);
	assert_int_equal(node_tcx_programs("wm0", HOOK_INGRESS), 0);
	assert_false(is_pinned("wm0", HOOK_EGRESS));
	assert_int_equal(node_label(), NEXT_LABEL);
	stop(false);

	start_with(datapath, ATTACH_TCX, true);
	assert_int_equal(add("wm0"), 0);
	assert_false(node_has_filter("wm0", HOOK_EGRESS, "mark_l2"));
	assert_false(node_has_filter("wm0", HOOK_INGRESS, "observe_l2"));
	assert_int_equal(node_label(), NODE_LABEL);
}

static void an_observer_that_is_not_wanted_goes(void **state)
{
	const enum attach_mode *mode = *state;

	node_needs(*mode);
	agent_killed(*mode, true, only_wm0);
	start_with(next, *mode, false);
	assert_int_equal(add("wm0"), 0);
	assert_int_equal(node_tcx_programs("wm0", HOOK_INGRESS), 0);
	assert_false(is_pinned("wm0", HOOK_INGRESS));
	assert_false(node_has_filter("wm0", HOOK_INGRESS, "observe_l2"));
	assert_int_equal(node_label(), NEXT_LABEL);
}

/* ---- pins that have lost their interface ---- */

static void a_device_that_came_back_gets_a_new_link(void **state)
{
	unsigned number;

	(void)state;
	node_needs(ATTACH_TCX);
	node_run("ip link add later0 type veth peer name later1");
	number = if_nametoindex("later0");
	agent_killed(ATTACH_TCX, false, (const char *const[]){"later0", NULL});
	assert_true(is_pinned("later0", HOOK_EGRESS));
	node_run("ip link del later0 && ip link add later0 index %u type veth peer name later1",
		 number);
	assert_int_equal(node_tcx_programs("later0", HOOK_EGRESS), 0);
	start_with(datapath, ATTACH_TCX, false);
	assert_int_equal(add("later0"), 0);
	assert_int_equal(node_tcx_programs("later0", HOOK_EGRESS), 1);
	assert_true(attach_holds(attach, number));
	assert_true(is_pinned("later0", HOOK_EGRESS));
}

/* There, an interface has the same number. */
static void a_link_in_another_namespace_is_not_taken_for_ours(void **state)
{
	unsigned number = if_nametoindex("wm0");

	(void)state;
	node_needs(ATTACH_TCX);
	agent_killed(ATTACH_TCX, false, only_wm0);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	node_run("ip link add wm0 index %u type veth peer name wm1", number);
	start_with(next, ATTACH_TCX, false);
	assert_int_equal(add("wm0"), 0);
	assert_int_equal(node_tcx_programs("wm0", HOOK_EGRESS), 1);
}

static void ignore(enum links_event event, const struct attach_interface *interface, void *user)
{
	(void)event;
	(void)interface;
	(void)user;
}

/* As in an agent whose configuration names wm0 alone. */
static void what_is_not_wanted_any_more_goes(void **state)
{
	char *names[] = {(char *)"wm0"};
	struct links_options options = {.names = {names, 1}, .report = ignore};
	const enum attach_mode *mode = *state;
	struct links *links;

	node_needs(*mode);
	agent_killed(*mode, true, (const char *const[]){"wm0", "wm1", NULL});
	start_with(next, *mode, true);
	options.attach = attach;
	assert_int_equal(links_open(&options, &links), 0);
	assert_int_equal(node_tcx_programs("wm1", HOOK_EGRESS), 0);
	assert_int_equal(node_tcx_programs("wm1", HOOK_INGRESS), 0);
	assert_false(is_pinned("wm1", HOOK_EGRESS));
	assert_false(is_pinned("wm1", HOOK_INGRESS));
	assert_false(node_has_clsact("wm1"));
	assert_int_equal(node_label(), NEXT_LABEL);
	links_close(links);
}

/* ---- going ---- */

static void detaching_takes_the_pins_along(void **state)
{
	(void)state;
	node_needs(ATTACH_TCX);
	start_with(datapath, ATTACH_TCX, true);
	assert_int_equal(add("wm0"), 0);
	assert_true(is_pinned("wm0", HOOK_EGRESS));
	assert_true(is_pinned("wm0", HOOK_INGRESS));
	stop(true);
	assert_false(is_pinned("wm0", HOOK_EGRESS));
	assert_false(is_pinned("wm0", HOOK_INGRESS));
	assert_int_equal(node_tcx_programs("wm0", HOOK_EGRESS), 0);
	assert_int_equal(node_tcx_programs("wm0", HOOK_INGRESS), 0);
}

static void cleaning_removes_ours_and_nothing_else(void **state)
{
	const int foreign = bpf_program__fd(next->programs->progs.read_clock);
	struct clean_count count;
	int link;

	(void)state;
	node_needs(ATTACH_TCX);
	node_run("ip link add other0 type veth peer name other1");
	link = bpf_link_create(foreign, (int)if_nametoindex("wm0"), TCX_EGRESS, NULL);
	assert_true(link >= 0);
	node_run("tc qdisc add dev other1 clsact && "
		 "tc filter add dev other1 egress protocol all prio 7 u32 match u32 0 0");
	agent_killed(ATTACH_TCX, true, (const char *const[]){"wm0", "wm1", NULL});
	agent_killed(ATTACH_CLSACT, true, (const char *const[]){"other0", "other1", NULL});
	assert_int_equal(bpf_obj_pin(foreign, NODE_PIN_DIR "/foreign"), 0);
	assert_int_equal(mkdir(NODE_PIN_DIR "/maps", 0700), 0);
	assert_int_equal(bpf_obj_pin(bpf_map__fd(next->programs->maps.stages),
				     NODE_PIN_DIR "/maps/stages"),
			 0);

	take_pins();
	count = clean(pins);
	assert_int_equal(count.links, 4);
	assert_int_equal(count.filters, 4);
	assert_int_equal(count.pins, 1);
	assert_int_equal(node_tcx_programs("wm0", HOOK_EGRESS), 1);
	assert_int_equal(node_tcx_programs("wm0", HOOK_INGRESS), 0);
	assert_int_equal(node_tcx_programs("wm1", HOOK_EGRESS), 0);
	assert_false(node_has_clsact("other0"));
	assert_true(node_has_filter("other1", HOOK_EGRESS, "u32"));
	assert_false(node_has_filter("other1", HOOK_EGRESS, "mark_l2"));
	assert_int_equal(access(NODE_PIN_DIR "/foreign", F_OK), 0);
	assert_int_equal(unlink(NODE_PIN_DIR "/foreign"), 0);

	count = clean(pins);
	assert_int_equal(count.links + count.filters + count.pins, 0);
	assert_int_equal(access(NODE_PIN_DIR, F_OK), -1);
	close(link);
}

/* ---- the folder ---- */

static void the_folder_is_held_by_one(void **state)
{
	char error[PIN_FOLDER_ERROR_MAX], wanted[PIN_FOLDER_ERROR_MAX];
	struct pin_folder *others = NULL;

	(void)state;
	take_pins();
	assert_int_equal(pin_folder_open(NODE_PIN_DIR, &others, error), -EBUSY);
	snprintf(wanted, sizeof(wanted), "process %d uses it: one agent at a time", getpid());
	assert_string_equal(error, wanted);
	assert_null(others);
	pin_folder_close(pins);
	take_pins();
}

static void the_folder_is_in_a_bpf_file_system(void **state)
{
	char path[] = "/tmp/test_pins.XXXXXX", inside[64], error[PIN_FOLDER_ERROR_MAX];

	(void)state;
	assert_non_null(mkdtemp(path));
	snprintf(inside, sizeof(inside), "%s/waymark", path);
	assert_int_equal(pin_folder_open(inside, &pins, error), -EOPNOTSUPP);
	assert_non_null(strstr(error, "no BPF file system: mount -t bpf"));
	assert_int_equal(access(inside, F_OK), -1);
	assert_int_equal(pin_folder_open(path, &pins, error), -EOPNOTSUPP);
	assert_non_null(strstr(error, "no BPF file system"));
	assert_int_equal(pin_folder_open("/nonexistent/waymark", &pins, error), -ENOENT);
	assert_string_equal(error, "No such file or directory");
	assert_null(pins);
	assert_int_equal(rmdir(path), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_node, drop_node)
#define TEST_BY_BOTH(function)                            \
	NODE_TEST_BY_TCX(function, make_node, drop_node), \
		NODE_TEST_BY_CLSACT(function, make_node, drop_node)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pinned_link_marks_on_and_is_adopted),
		TEST(a_filter_marks_on_and_is_replaced),
		TEST(a_qdisc_of_ours_is_known_later),
		TEST(a_foreign_qdisc_is_known_later),
		TEST(one_way_gives_way_to_the_other),
		TEST_BY_BOTH(an_observer_that_is_not_wanted_goes),
		TEST(a_device_that_came_back_gets_a_new_link),
		TEST(a_link_in_another_namespace_is_not_taken_for_ours),
		TEST_BY_BOTH(what_is_not_wanted_any_more_goes),
		TEST(detaching_takes_the_pins_along),
		TEST(cleaning_removes_ours_and_nothing_else),
		TEST(the_folder_is_held_by_one),
		TEST(the_folder_is_in_a_bpf_file_system),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
