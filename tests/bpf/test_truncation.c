/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that end before the headers that they announce. */
#include <linux/if_ether.h>
#include <netinet/in.h>

#include "check.h"
#include "expect.h"

#define LABEL 0x5A5A5u

/* Cuts a packet at every octet that the kernel lets it be run with: it refuses frames shorter
 * than Ethernet's header, recent ones also untagged IPv6 shorter than IPv6's own (those go
 * over a real device in test_wire.c). Below `needed` it is truncated. */
static void expect_cut(struct lab *lab, const struct frame *whole, size_t needed)
{
	for (size_t length = ETH_HLEN; length <= whole->length; length++) {
		struct frame cut = *whole;

		cut.length = length;
		program_one(lab, mark_host(TARGET, word_raw(LABEL)));
		if (lab_try(lab_mark_l2(lab), &cut, NULL).error) {
			assert_true(length < cut.network + 40 && cut.network == ETH_HLEN);
			continue;
		}
		program_one(lab, mark_host(TARGET, word_raw(LABEL)));
		if (length >= needed)
			expect_label(lab_mark_l2(lab), &cut, LABEL);
		else
			expect_untouched(lab_mark_l2(lab), &cut);
		expect_verdict(lab, length < needed ? VERDICT_TRUNCATED : VERDICT_MARKED, 1);
	}
}

static void test_truncated_plain(void **state)
{
	struct ends ends = ends_of(SOURCE, TARGET);
	struct frame tcp = frame_plain(&ends, IPPROTO_TCP);
	struct frame icmp = frame_plain(&ends, IPPROTO_ICMPV6);

	expect_cut(*state, &tcp, ETH_HLEN + 40 + 4);
	expect_cut(*state, &icmp, ETH_HLEN + 40);
}

static void test_truncated_behind_tags(void **state)
{
	static const uint16_t tags[] = {ETH_P_8021AD, ETH_P_8021Q};
	struct ends ends = ends_of(SOURCE, TARGET);

	for (size_t n = 1; n <= 2; n++) {
		struct frame frame = frame_ethernet();

		for (size_t i = 0; i < n; i++)
			frame_tag(&frame, tags[i]);
		frame_ipv6(&frame, &ends, IPPROTO_TCP);
		frame_ports(&frame, IPPROTO_TCP, 4000, 5000);
		expect_cut(*state, &frame, ETH_HLEN + 4 * n + 40 + 4);
	}
}

static void test_truncated_extensions(void **state)
{
	struct ends ends = ends_of(SOURCE, TARGET);
	struct frame frame = frame_ethernet();

	frame_tag(&frame, ETH_P_8021Q);
	frame_ipv6(&frame, &ends, IPPROTO_HOPOPTS);
	frame_extension(&frame, IPPROTO_FRAGMENT, 24);
	frame_fragment(&frame, IPPROTO_DSTOPTS, 0, true);
	frame_extension(&frame, IPPROTO_UDP, 16);
	frame_ports(&frame, IPPROTO_UDP, 4000, 5000);
	expect_cut(*state, &frame, ETH_HLEN + 4 + 40 + 24 + 8 + 16 + 4);
}

/* No ports follow, yet the extension header itself must be there. */
static void test_truncated_last_extension(void **state)
{
	struct ends ends = ends_of(SOURCE, TARGET);
	struct frame frame = frame_ethernet();

	frame_ipv6(&frame, &ends, IPPROTO_DSTOPTS);
	frame_extension(&frame, IPPROTO_NONE, 32);
	expect_cut(*state, &frame, ETH_HLEN + 40 + 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_truncated_plain),
		cmocka_unit_test(test_truncated_behind_tags),
		cmocka_unit_test(test_truncated_extensions),
		cmocka_unit_test(test_truncated_last_extension),
	};

	return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
