/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interfaces that come, go, change their names and stand on each other. What the kernel has to
 * say of a change is in the socket before the command that made it ends, so nothing waits.
 */
#include "check.h"

#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <linux/if_tun.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "datapath/links.h"
#include "node.h"
#include "pinned.h"
#include "probe.h"

static struct datapath *datapath;
static struct attach *attach;
static struct links *links;
static char heard[8192]; /* "+wm0 !x: reason -wm0" */

static int make_node(void **state)
{
	const struct attach_options options = {.mode = ATTACH_NONE};

	(void)state;
	heard[0] = '\0';
	return node_make(&datapath) || attach_new(datapath, &options, &attach) ? -1 : 0;
}

static int drop_node(void **state)
{
	(void)state;
	links_close(links);
	links = NULL;
	attach_free(attach, true);
	datapath_close(datapath);
	return 0;
}

static void hear(enum links_event event, const struct attach_interface *interface, void *user)
{
	static const char signs[] = {
		[LINKS_ATTACHED] = '+', [LINKS_FAILED] = '!', [LINKS_DETACHED] = '-'};
	size_t length = strlen(heard);

	(void)user;
	snprintf(heard + length, sizeof(heard) - length, "%c%s%s%s ", signs[event],
		 interface->name, interface->error[0] ? " " : "", interface->error);
}

/* names: live as long as the links. */
static void follow_with(const char *const names[], size_t n, int receive_buffer)
{
	const struct links_options options = {.attach = attach,
					      .names = {(char *const *)names, n},
					      .report = hear,
					      .receive_buffer = receive_buffer};

	assert_int_equal(links_open(&options, &links), 0);
}

#define FOLLOW(...)                                                         \
	do {                                                                \
		static const char *const names_[] = {__VA_ARGS__};          \
		follow_with(names_, sizeof(names_) / sizeof(names_[0]), 0); \
	} while (0)

/* Takes in what has happened, and forgets it. */
static void assert_heard(const char *events)
{
	assert_int_equal(links_read(links), 0);
	assert_string_equal(heard, events);
	heard[0] = '\0';
}

/* The names of all interfaces that are marked, and how many rows there are. */
static void assert_marked(const char *names, size_t n_rows)
{
	struct attach_interface rows[16];
	char marked[256] = "";

	assert_int_equal(attach_list(attach, rows, 16), n_rows);
	for (size_t i = 0; i < n_rows; i++) {
		if (rows[i].mode == ATTACH_NONE)
			continue;
		assert_int_equal(rows[i].ifindex, if_nametoindex(rows[i].name));
		assert_true(node_is_attached(rows[i].name, HOOK_EGRESS));
		snprintf(marked + strlen(marked), sizeof(marked) - strlen(marked), "%s%s",
			 marked[0] ? " " : "", rows[i].name);
	}
	assert_string_equal(marked, names);
}

static void what_is_there_is_marked(void **state)
{
	(void)state;
	FOLLOW("wm*");
	assert_heard("+wm1 +wm0 ");
	assert_marked("wm1 wm0", 2);
	assert_int_equal(node_label(), NODE_LABEL);
}

static void what_appears_is_marked_and_what_goes_forgotten(void **state)
{
	(void)state;
	FOLLOW("later?", "wm0");
	assert_heard("+wm0 ");
	node_run("ip link add later0 type veth peer name x");
	assert_heard("+later0 ");
	assert_marked("wm0 later0", 2);
	node_run("ip link set later0 up && ip link set later0 down");
	assert_heard("");
	node_run("ip link del later0");
	assert_heard("-later0 ");
	assert_marked("wm0", 1);
}

static void a_name_is_waited_for(void **state)
{
	(void)state;
	FOLLOW("later0");
	assert_heard("!later0 interface: no such interface ");
	assert_marked("", 1);
	node_run("ip link add x type veth peer name later0");
	assert_heard("+later0 ");
	assert_marked("later0", 1);
	node_run("ip link del later0");
	assert_heard("-later0 !later0 interface: no such interface ");
	assert_marked("", 1);
}

/* Kernels before 6.2 do that only while it is down. */
static void rename_link(const char *from, const char *to)
{
	node_run("ip link set %s down && ip link set %s name %s && ip link set %s up", from,
		 from, to, to);
}

static void names_are_followed(void **state)
{
	(void)state;
	FOLLOW("wm0", "in*");
	assert_heard("+wm0 ");
	rename_link("wm1", "in1");
	assert_heard("+in1 ");
	rename_link("in1", "in2");
	assert_heard("");
	assert_marked("wm0 in2", 2);
	rename_link("in2", "wm1");
	assert_heard("-in2 ");
	assert_false(node_is_attached("wm1", HOOK_EGRESS));
	rename_link("wm0", "away0");
	assert_heard("-wm0 !wm0 interface: no such interface ");
	assert_false(node_is_attached("away0", HOOK_EGRESS));
	rename_link("wm1", "wm0");
	assert_heard("+wm0 ");
	assert_marked("wm0", 1);
}

static void names_are_swapped(void **state)
{
	(void)state;
	FOLLOW("wm*");
	assert_heard("+wm1 +wm0 ");
	rename_link("wm0", "x");
	rename_link("wm1", "wm0");
	rename_link("x", "wm1");
	assert_heard("");
	assert_marked("wm0 wm1", 2);
}

static void an_interface_that_moves_away_is_forgotten(void **state)
{
	(void)state;
	FOLLOW("later*");
	node_run("ip link add later0 type veth peer name x");
	assert_heard("+later0 ");
	node_run("unshare -n sh -c 'nsenter -t %d -n ip link set later0 netns $$'", getpid());
	assert_heard("-later0 ");
	assert_marked("", 0);
}

/* ---- flapping ---- */

static unsigned flaps(void)
{
	return 10 * pinned_rounds(10);
}

/* With the same number each time, which is what is easily mistaken. */
static void flap(bool read)
{
	for (unsigned i = 0; i < flaps(); i++) {
		node_run("ip link add flap0 index 400 type veth peer name flap1");
		if (read)
			assert_int_equal(links_read(links), 0);
		if (i == flaps() - 1)
			break;
		node_run("ip link del flap0");
		if (read)
			assert_int_equal(links_read(links), 0);
	}
	assert_int_equal(links_read(links), 0);
	assert_marked("flap0", 1);
}

static void a_flapping_interface_ends_marked(void **state)
{
	const char *at = heard;
	unsigned attached = 0;

	(void)state;
	FOLLOW("flap0");
	flap(true);
	while ((at = strstr(at, "+flap0"))) {
		attached++;
		at++;
	}
	assert_int_equal(attached, flaps());
}

static void a_flapping_interface_is_taken_in_at_once(void **state)
{
	(void)state;
	FOLLOW("flap0");
	flap(false);
}

/* Messages that the kernel could not put into the socket. */
static unsigned messages_lost(void)
{
	const char *line = node_shown("cat /proc/net/netlink");
	unsigned lost, inode;
	struct stat status;

	assert_int_equal(fstat(links_fd(links), &status), 0);
	for (; line; line = strchr(line + 1, '\n'))
		if (sscanf(line, "%*s %*s %*s %*s %*s %*s %*s %*s %u %u", &lost, &inode) == 2 &&
		    inode == status.st_ino)
			return lost;
	fail_msg("our socket is not listed");
	return 0;
}

/* There is room for a message or two only, so most are left out. */
static void what_the_kernel_left_out_is_asked_for(void **state)
{
	static const char *const names[] = {"flap0", "more*"};

	(void)state;
	follow_with(names, 2, 1);
	flap(false);
	node_run("for i in 1 2 3; do ip link add more$i type veth peer name x$i; done");
	assert_int_equal(links_read(links), 0);
	assert_marked("flap0 more1 more2 more3", 4);
	node_run("ip link del more2 && ip link del flap0 && "
		 "ip link add flap0 index 400 type veth peer name flap1");
	assert_int_equal(links_read(links), 0);
	assert_marked("more1 more3 flap0", 3);
	assert_true(messages_lost() > 0);
}

/* ---- kinds of interfaces ---- */

static void a_tun_gets_the_other_program(void **state)
{
	int tun;

	(void)state;
	FOLLOW("wmtun");
	tun = node_tun("wmtun");
	node_run("ip link set wmtun up && ip -6 address add fd01::1/64 dev wmtun nodad");
	assert_heard("!wmtun interface: no such interface +wmtun ");
	assert_int_equal(probe_label_tun("fd01::2", tun), NODE_LABEL);
	close(tun);
	assert_heard("-wmtun !wmtun interface: no such interface ");
}

static bool kernel_is_before(unsigned major, unsigned minor)
{
	struct utsname name;
	unsigned have[2];

	assert_int_equal(uname(&name), 0);
	assert_int_equal(sscanf(name.release, "%u.%u", &have[0], &have[1]), 2);
	return have[0] < major || (have[0] == major && have[1] < minor);
}

static void a_link_type_that_changes_is_heeded(void **state)
{
	int tun;

	(void)state;
	if (kernel_is_before(5, 11)) {
		print_message("skipped: this kernel does not tell that a link type changes\n");
		skip();
	}
	FOLLOW("wmt*");
	tun = node_tun("wmtun");
	assert_heard("+wmtun ");
	assert_int_equal(ioctl(tun, TUNSETLINK, ARPHRD_INFINIBAND), 0);
	assert_heard("-wmtun !wmtun interface: its packets begin with a header that is neither "
		     "Ethernet's nor IP's ");
	assert_marked("", 1);
	node_run("ip link set wmtun mtu 1400");
	assert_heard("");
	assert_int_equal(ioctl(tun, TUNSETLINK, ARPHRD_NONE), 0);
	assert_heard("+wmtun ");
	close(tun);
}

/* ---- stacks ---- */

/* Makes an interface, or skips the test visibly. */
static void make_or_skip(const char *command)
{
	if (node_try(command))
		return;
	print_message("skipped: this kernel cannot: %s\n", command);
	skip();
}

static void a_port_goes_before_its_bridge(void **state)
{
	(void)state;
	make_or_skip("ip link add wmbr type bridge");
	FOLLOW("wm[0b]*");
	assert_heard("+wm0 +wmbr ");
	node_run("ip link set wm0 master wmbr");
	assert_heard("-wmbr ");
	assert_marked("wm0", 1);
	node_run("ip link set wm0 nomaster");
	assert_heard("+wmbr ");
	assert_marked("wm0 wmbr", 2);
}

static void a_bridge_by_name_goes_before_its_ports(void **state)
{
	(void)state;
	make_or_skip("ip link add wmbr type bridge");
	FOLLOW("wmbr", "wm0*");
	assert_heard("+wm0 +wmbr ");
	node_run("ip link set wm0 master wmbr");
	assert_heard("-wm0 ");
	node_run("ip link del wmbr");
	assert_heard("-wmbr +wm0 !wmbr interface: no such interface ");
}

static void a_port_of_a_bond_goes_before_it(void **state)
{
	(void)state;
	make_or_skip("ip link add wmbond type bond");
	FOLLOW("wm[0b]*");
	node_run("ip link set wm0 down && ip link set wm0 master wmbond");
	assert_int_equal(links_read(links), 0);
	assert_marked("wm0", 1);
}

/* Packets of the upper one leave by the lower one; they count once. */
static void lower_goes_first(void)
{
	FOLLOW("wm[0u]*");
	assert_heard("+wm0 ");
	assert_marked("wm0", 1);
	node_run("ip link del wmup");
	assert_heard("");
}

static void a_device_goes_before_its_vlan(void **state)
{
	(void)state;
	make_or_skip("ip link add link wm0 name wmup type vlan id 5");
	lower_goes_first();
}

static void a_device_goes_before_its_macvlan(void **state)
{
	(void)state;
	make_or_skip("ip link add link wm0 name wmup type macvlan");
	lower_goes_first();
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_node, drop_node)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_there_is_marked),
		TEST(what_appears_is_marked_and_what_goes_forgotten),
		TEST(a_name_is_waited_for),
		TEST(names_are_followed),
		TEST(names_are_swapped),
		TEST(an_interface_that_moves_away_is_forgotten),
		TEST(a_flapping_interface_ends_marked),
		TEST(a_flapping_interface_is_taken_in_at_once),
		TEST(what_the_kernel_left_out_is_asked_for),
		TEST(a_tun_gets_the_other_program),
		TEST(a_link_type_that_changes_is_heeded),
		TEST(a_port_goes_before_its_bridge),
		TEST(a_bridge_by_name_goes_before_its_ports),
		TEST(a_port_of_a_bond_goes_before_it),
		TEST(a_device_goes_before_its_vlan),
		TEST(a_device_goes_before_its_macvlan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
