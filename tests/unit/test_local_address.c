/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ops/local_address.h"

/* As <linux/ipv6.h> has it, which does not go with <netinet/in.h>. */
struct address_request {
	struct in6_addr address;
	uint32_t prefix_length;
	int ifindex;
};

static void add_address(int fd, const char *text)
{
	struct address_request request = {.prefix_length = 64, .ifindex = 1};

	assert_int_equal(inet_pton(AF_INET6, text, &request.address), 1);
	assert_int_equal(ioctl(fd, SIOCSIFADDR, &request), 0);
}

/* The kernel makes a new address usable from a queue of its own. */
static void wait_for_address(const char *text)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6,
				       .sin6_scope_id = 1}; /* for link-local ones */
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(inet_pton(AF_INET6, text, &address.sin6_addr), 1);
	while (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		assert_int_equal(errno, EADDRNOTAVAIL);
		sched_yield();
	}
	close(fd);
}

/* A network namespace with a loopback interface of two more addresses. */
static int enter_namespace(void **state)
{
	struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;

	(void)state;
	if (geteuid() != 0)
		return 0;
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &up), 0);
	add_address(fd, "2001:db8::1");
	add_address(fd, "fe80::1");
	wait_for_address("2001:db8::1");
	wait_for_address("fe80::1");
	return close(fd);
}

static bool is_local(const char *text)
{
	uint8_t address[16];

	assert_int_equal(inet_pton(AF_INET6, text, address), 1);
	return local_address(address);
}

static void wait_until(const char *text, bool wanted)
{
	while (is_local(text) != wanted)
		sched_yield();
}

static void need_root(void)
{
	if (geteuid() != 0)
		skip();
}

static void test_own_addresses(void **state)
{
	(void)state;
	need_root();
	assert_true(is_local("::1"));
	assert_true(is_local("2001:db8::1"));
	assert_true(is_local("fe80::1"));
}

static void test_others(void **state)
{
	(void)state;
	need_root();
	assert_false(is_local("2001:db8::2"));
	assert_false(is_local("2001:db8:1::1"));
	assert_false(is_local("fe80::2"));
	assert_false(is_local("ff02::1"));
	assert_false(is_local("ff02::fb"));
}

static void remove_address(const char *text)
{
	struct address_request request = {.prefix_length = 64, .ifindex = 1};
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(inet_pton(AF_INET6, text, &request.address), 1);
	assert_int_equal(ioctl(fd, SIOCDIFADDR, &request), 0);
	close(fd);
}

static void test_addresses_that_come_and_go(void **state)
{
	int fd;

	(void)state;
	need_root();
	assert_false(is_local("2001:db8::9"));
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	add_address(fd, "2001:db8::9");
	close(fd);
	wait_for_address("2001:db8::9");
	wait_until("2001:db8::9", true);
	remove_address("2001:db8::9");
	wait_until("2001:db8::9", false);
}

/* More at once than the socket that tells of changes holds. */
static void test_many_addresses(void **state)
{
	char text[INET6_ADDRSTRLEN];
	int fd;

	(void)state;
	need_root();
	assert_false(is_local("2001:db8:2::c7"));
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "2001:db8:2::%x", i);
		add_address(fd, text);
	}
	close(fd);
	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "2001:db8:2::%x", i);
		wait_for_address(text);
		wait_until(text, true);
	}
	assert_false(is_local("2001:db8:2::1:1"));
}

/* What `ip route add local` makes. */
static void add_local_prefix(const char *text, uint8_t length)
{
	struct {
		struct nlmsghdr header;
		struct rtmsg route;
		struct rtattr to;
		struct in6_addr destination;
		struct rtattr by;
		uint32_t interface;
	} request = {
		.header = {.nlmsg_len = sizeof(request),
			   .nlmsg_type = RTM_NEWROUTE,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK},
		.route = {.rtm_family = AF_INET6,
			  .rtm_dst_len = length,
			  .rtm_table = RT_TABLE_LOCAL,
			  .rtm_protocol = RTPROT_BOOT,
			  .rtm_type = RTN_LOCAL},
		.to = {.rta_len = RTA_LENGTH(16), .rta_type = RTA_DST},
		.by = {.rta_len = RTA_LENGTH(4), .rta_type = RTA_OIF},
		.interface = 1,
	};
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char more[256];
	} answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	assert_int_equal(inet_pton(AF_INET6, text, &request.destination), 1);
	assert_int_equal(send(fd, &request, sizeof(request), 0), sizeof(request));
	assert_true(recv(fd, &answer, sizeof(answer), 0) > 0);
	assert_int_equal(answer.error.error, 0);
	close(fd);
}

static void test_prefixes(void **state)
{
	(void)state;
	need_root();
	assert_false(is_local("2001:db8:3::5"));
	add_local_prefix("2001:db8:3::", 64);
	wait_until("2001:db8:3::5", true);
	assert_false(is_local("2001:db8:4::5"));
}

static void test_where_everything_can_be_bound(void **state)
{
	int fd;

	need_root();
	fd = open("/proc/sys/net/ipv6/ip_nonlocal_bind", O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "1", 1), 1);
	close(fd);
	test_others(state);
	test_own_addresses(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_addresses),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_addresses_that_come_and_go),
		cmocka_unit_test(test_many_addresses),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_where_everything_can_be_bound),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
