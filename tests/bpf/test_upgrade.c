/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Agents replace each other on a real interface while packets leave by it: each has another
 * capacity, so that the maps change with the programs.
 */
#include "check.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "datapath/attach.h"
#include "datapath/clean.h"
#include "datapath/pin_folder.h"
#include "datapath/state.h"
#include "marks.h"
#include "node.h"

#define UPGRADES 20
#define PACKETS_BETWEEN 200 /* at least */

static const struct match everything = {.kind = MARK_NETWORK};

static struct datapath *datapath;
static struct pin_folder *pins;
static struct attach *attach;

static int make_node(void **state)
{
	(void)state;
	return node_make(&datapath);
}

static void leave(void)
{
	attach_free(attach, false);
	attach = NULL;
	pin_folder_close(pins);
	pins = NULL;
	datapath_close(datapath);
	datapath = NULL;
}

static int drop_node(void **state)
{
	(void)state;
	leave();
	return 0;
}

/* ---- traffic ---- */

struct traffic_test {
	atomic_bool over;
	atomic_ulong sent;
	unsigned long arrived, unmarked;
	int capture;
};

static void *send_on(void *user)
{
	const struct sockaddr_in6 to = {.sin6_family = AF_INET6,
					.sin6_port = htons(5000),
					.sin6_addr = {.s6_addr = {0xfd, [15] = 2}}};
	struct traffic_test *test = user;
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	while (!atomic_load(&test->over))
		if (sendto(fd, "x", 1, 0, (const struct sockaddr *)&to, sizeof(to)) == 1)
			atomic_fetch_add(&test->sent, 1);
	close(fd);
	return NULL;
}

static bool is_ours(const uint8_t *packet, ssize_t length)
{
	return length >= 48 && packet[0] >> 4 == 6 && packet[6] == IPPROTO_UDP;
}

/* The sender may be faster: what the socket has no room for is not looked at. */
static void *look_on(void *user)
{
	struct traffic_test *test = user;
	uint8_t packet[256];
	ssize_t length;

	while ((length = recv(test->capture, packet, sizeof(packet), 0)) >= 0) {
		uint32_t label = (uint32_t)(packet[1] & 0xF) << 16 | packet[2] << 8 | packet[3];

		if (!is_ours(packet, length))
			continue;
		test->arrived++;
		test->unmarked += label != NODE_LABEL;
	}
	return NULL;
}

static int capture_open(void)
{
	const struct sockaddr_ll address = {.sll_family = AF_PACKET,
					    .sll_protocol = htons(ETH_P_IPV6),
					    .sll_ifindex = (int)if_nametoindex("wm1")};
	const struct timeval patience = {.tv_sec = 1};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)),
			 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* ---- agents ---- */

static uint32_t slot;

static int claim(const struct match *match, uint32_t found, void *user)
{
	const struct mark_action action = marks_raw(NODE_LABEL);

	if (match->kind == MARK_HOST || !slot)
		slot = found;
	return datapath_claim(user, match, found, &action, 0);
}

/* In the order of the agent's start. */
static void start(enum attach_mode mode, uint32_t marks)
{
	const struct datapath_options options = {
		.marks = marks, .networks = 8, .pin_dir = NODE_PIN_DIR};
	const struct device device = node_device("wm0");
	struct attach_options hang = {.mode = mode};
	char error[PIN_FOLDER_ERROR_MAX];

	if (pin_folder_open(NODE_PIN_DIR, &pins, error))
		fail_msg("%s", error);
	slot = 0;
	if (datapath_open(&options, &datapath))
		fail_msg("%s", datapath_last_message());
	assert_int_equal(datapath_each_pinned(datapath, claim, datapath), 0);
	if (!datapath_fill(datapath).networks)
		slot = marks_add(datapath, &everything, NODE_LABEL, 0);
	hang.pins = pins;
	assert_int_equal(attach_new(datapath, &hang, &attach), 0);
	assert_int_equal(attach_add(attach, &device), 0);
	assert_int_equal(datapath_leave_old_maps(datapath), 0);
}

static uint64_t counted(void)
{
	uint64_t packets = datapath_counters(datapath, slot).packets;

	assert_true(packets <= datapath_marked(datapath).packets);
	return packets;
}

static void packets_pass(struct traffic_test *test)
{
	unsigned long mark = atomic_load(&test->sent) + PACKETS_BETWEEN;

	while (atomic_load(&test->sent) < mark)
		;
}

static void upgrade_often(enum attach_mode mode, struct traffic_test *test)
{
	uint64_t before = 0;

	for (uint32_t i = 0; i < UPGRADES; i++) {
		packets_pass(test);
		before = counted();
		leave();
		start(mode, 16 + i % 3);
		assert_true(counted() >= before + PACKETS_BETWEEN * (i > 0));
	}
}

static void no_packet_is_unmarked(enum attach_mode mode)
{
	struct traffic_test test = {.capture = capture_open()};
	pthread_t sender, observer;
	uint64_t others;

	datapath_close(datapath); /* that of the node is not pinned */
	start(mode, 8);
	others = counted(); /* neighbours and routers have been asked for */
	assert_int_equal(pthread_create(&observer, NULL, look_on, &test), 0);
	assert_int_equal(pthread_create(&sender, NULL, send_on, &test), 0);
	upgrade_often(mode, &test);
	atomic_store(&test.over, true);
	pthread_join(sender, NULL);
	pthread_join(observer, NULL);
	close(test.capture);
	print_message("# %lu packets, %lu looked at\n", test.sent, test.arrived);
	assert_in_range(test.arrived, UPGRADES * PACKETS_BETWEEN / 2, UINT32_MAX);
	assert_int_equal(test.unmarked, 0);
	assert_true(counted() >= others + test.sent);
	assert_int_equal(counted(), datapath_marked(datapath).packets);
}

static void by_tcx(void **state)
{
	(void)state;
	node_needs(ATTACH_TCX);
	no_packet_is_unmarked(ATTACH_TCX);
}

static void by_clsact(void **state)
{
	(void)state;
	no_packet_is_unmarked(ATTACH_CLSACT);
}

static uint64_t version(void)
{
	const uint32_t index = CONTROL_VERSION;
	int control = bpf_obj_get(NODE_PIN_DIR "/maps/control");
	uint64_t version = 0;

	assert_true(control >= 0);
	assert_int_equal(bpf_map_lookup_elem(control, &index, &version), 0);
	close(control);
	return version;
}

static void an_older_layout_is_replaced(void **state)
{
	struct traffic_test test = {.capture = capture_open()};
	pthread_t sender, observer;

	(void)state;
	datapath_close(datapath);
	datapath = NULL;
	node_run("%s %s wm0", PREVIOUS_AGENT, NODE_PIN_DIR);
	assert_int_equal(version(), ABI_VERSION - 1);
	assert_int_equal(pthread_create(&observer, NULL, look_on, &test), 0);
	assert_int_equal(pthread_create(&sender, NULL, send_on, &test), 0);
	packets_pass(&test);
	start(ATTACH_NONE, 8);
	packets_pass(&test);
	atomic_store(&test.over, true);
	pthread_join(sender, NULL);
	pthread_join(observer, NULL);
	close(test.capture);
	assert_int_equal(version(), ABI_VERSION);
	assert_int_equal(datapath_fill(datapath).marks, 1);
	assert_int_equal(datapath_fill(datapath).networks, 1);
	assert_int_equal(test.unmarked, 0);
	assert_int_equal(counted(), test.sent);
	assert_int_equal(access(NODE_PIN_DIR "/maps-old-1", F_OK), -1);
}

/* An agent that was killed between the two leaves all of these. */
static void all_sets_are_cleaned_up(void **state)
{
	struct datapath_options options = {.marks = 9, .networks = 8, .pin_dir = NODE_PIN_DIR};
	struct clean_count count;
	char error[PIN_FOLDER_ERROR_MAX];

	(void)state;
	datapath_close(datapath);
	for (; options.marks < 12; options.marks++) {
		assert_int_equal(datapath_open(&options, &datapath), 0);
		datapath_close(datapath);
	}
	datapath = NULL;
	assert_int_equal(access(NODE_PIN_DIR "/maps-old-2/control", F_OK), 0);
	assert_int_equal(pin_folder_open(NODE_PIN_DIR, &pins, error), 0);
	count = clean(pins);
	assert_int_equal(count.pins, 3 * 10);
	assert_int_not_equal(access(NODE_PIN_DIR, F_OK), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_node, drop_node)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(by_tcx),
		TEST(by_clsact),
		TEST(an_older_layout_is_replaced),
		TEST(all_sets_are_cleaned_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
