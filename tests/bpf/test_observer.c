/* SPDX-License-Identifier: Apache-2.0 */
/* What arrives is counted by the pair that its label decodes to, and never touched. */
#include <linux/if_ether.h>
#include <netinet/in.h>

#include "check.h"
#include "expect.h"

#define CMS_CACHE 0x3000Cu
#define ATLAS_STAGING 0x1004Cu

static void know(struct lab *lab, uint32_t label)
{
	uint32_t pair = label_pair(label);

	lab->known_pairs[pair / 64] |= 1ull << pair % 64;
}

/* Observing, with one pair of the registry and empty counters. */
static void start(struct lab *lab)
{
	lab_program(lab, NULL, 0);
	for (size_t i = 0; i < KNOWN_PAIR_WORDS; i++)
		lab->known_pairs[i] = 0;
	know(lab, CMS_CACHE);
	lab->common->observe = 1;
}

static struct frame arriving(uint32_t label, uint8_t protocol)
{
	struct ends ends = ends_of(SOURCE, TARGET);
	struct frame frame = frame_plain(&ends, protocol);

	frame_set_label(&frame, label);
	return frame;
}

/* All that was observed is this, under this pair. */
static void expect_observed(const struct lab *lab, uint32_t pair, uint64_t packets,
			    uint64_t bytes)
{
	for (uint32_t i = 0; i < PAIRS; i++) {
		struct traffic traffic = lab_observed(lab, i);

		assert_int_equal(traffic.packets, i == pair ? packets : 0);
		assert_int_equal(traffic.bytes, i == pair ? bytes : 0);
	}
}

static void test_known_pair_with_any_entropy(void **state)
{
	start(*state);
	for (uint32_t entropy = 0; entropy < 32; entropy++) {
		uint32_t label = CMS_CACHE | (entropy & 3) | (entropy >> 2 & 1) << 8 |
				 entropy >> 3 << 18;
		struct frame frame = arriving(label, IPPROTO_TCP);

		expect_untouched(lab_observe_l2(*state), &frame);
	}
	expect_observed(*state, label_pair(CMS_CACHE), 32, 32ull * (40 + 20 + 32));
}

static void test_the_rest_is_other(void **state)
{
	static const uint32_t labels[] = {0, 1, ATLAS_STAGING, 0xFFFFF};

	start(*state);
	for (size_t i = 0; i < 4; i++) {
		struct frame frame = arriving(labels[i], IPPROTO_UDP);

		expect_untouched(lab_observe_l2(*state), &frame);
	}
	expect_observed(*state, PAIR_OTHER, 4, 4ull * (40 + 8 + 32));
}

static void test_every_pair_has_its_own_bit(void **state)
{
	struct lab *lab = *state;

	start(lab);
	for (uint32_t pair = 1; pair < PAIRS; pair += 129) {
		uint32_t label = (pair >> 6) << 9 | (pair & 0x3F) << 2;
		struct frame frame = arriving(label, IPPROTO_UDP);

		know(lab, label);
		expect_untouched(lab_observe_l2(lab), &frame);
		assert_int_equal(lab_observed(lab, pair).packets, 1);
	}
	assert_int_equal(lab_observed(lab, PAIR_OTHER).packets, 0);
}

static void test_shapes(void **state)
{
	struct ends ends = ends_of(SOURCE, TARGET);
	struct frame tag = frame_ethernet(), header = frame_ethernet(), bare = frame_bare();

	start(*state);
	frame_tag(&tag, ETH_P_8021AD);
	frame_tag(&tag, ETH_P_8021Q);
	frame_ipv6(&tag, &ends, IPPROTO_ICMPV6);
	frame_set_label(&tag, CMS_CACHE);
	frame_payload(&tag, 60);
	expect_untouched(lab_observe_l2(*state), &tag);
	frame_ipv6(&header, &ends, IPPROTO_TCP); /* announced, not there: still IPv6 */
	frame_set_label(&header, CMS_CACHE);
	expect_untouched(lab_observe_l2(*state), &header);
	frame_ipv6(&bare, &ends, IPPROTO_NONE);
	frame_set_label(&bare, CMS_CACHE);
	frame_payload(&bare, 60);
	expect_untouched(lab_observe_l3(*state), &bare);
	expect_observed(*state, label_pair(CMS_CACHE), 3, 100 + 40 + 100);
}

static void test_coalesced_packets(void **state)
{
	struct __sk_buff ctx = {.gso_size = 16, .gso_segs = 2};
	struct frame frame = arriving(CMS_CACHE, IPPROTO_TCP);

	start(*state);
	lab_run(lab_observe_l2(*state), &frame, &ctx);
	expect_observed(*state, label_pair(CMS_CACHE), 2, 32 + 2 * (40 + 20));
}

static void test_coalesced_packets_with_extension(void **state)
{
	struct __sk_buff ctx = {.gso_size = 16, .gso_segs = 2};
	struct ends ends = ends_of(SOURCE, TARGET);
	struct frame frame = frame_ethernet();

	start(*state);
	frame_ipv6(&frame, &ends, IPPROTO_DSTOPTS);
	frame_set_label(&frame, CMS_CACHE);
	frame_extension(&frame, IPPROTO_UDP, 24);
	frame_ports(&frame, IPPROTO_UDP, 4000, 5000);
	frame_payload(&frame, 32);
	lab_run(lab_observe_l2(*state), &frame, &ctx);
	expect_observed(*state, label_pair(CMS_CACHE), 2, 32 + 2 * (40 + 24 + 8));
}

static void test_not_ipv6_is_not_counted(void **state)
{
	struct frame ipv4 = arriving(CMS_CACHE, IPPROTO_TCP);
	struct frame version = arriving(CMS_CACHE, IPPROTO_TCP);
	struct frame cut = arriving(CMS_CACHE, IPPROTO_TCP);

	start(*state);
	ipv4.bytes[12] = ETH_P_IP >> 8;
	ipv4.bytes[13] = ETH_P_IP & 0xFF;
	expect_untouched(lab_observe_l2(*state), &ipv4);
	version.bytes[version.network] ^= 0x20;
	expect_untouched(lab_observe_l2(*state), &version);
	cut.bytes[12] = ETH_P_8021Q >> 8; /* what follows is then too short */
	cut.bytes[13] = ETH_P_8021Q & 0xFF;
	cut.bytes[16] = ETH_P_IPV6 >> 8;
	cut.bytes[17] = ETH_P_IPV6 & 0xFF;
	cut.bytes[18] = 0x60;
	cut.length = 18 + 39;
	expect_untouched(lab_observe_l2(*state), &cut);
	expect_observed(*state, PAIR_OTHER, 0, 0);
}

static void test_switched_off(void **state)
{
	struct lab *lab = *state;
	struct frame frame = arriving(CMS_CACHE, IPPROTO_TCP);

	start(lab);
	lab->common->observe = 0;
	expect_untouched(lab_observe_l2(lab), &frame);
	expect_observed(lab, PAIR_OTHER, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_pair_with_any_entropy),
		cmocka_unit_test(test_the_rest_is_other),
		cmocka_unit_test(test_every_pair_has_its_own_bit),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_coalesced_packets),
		cmocka_unit_test(test_coalesced_packets_with_extension),
		cmocka_unit_test(test_not_ipv6_is_not_counted),
		cmocka_unit_test(test_switched_off),
	};

	return cmocka_run_group_tests(tests, lab_setup, lab_teardown);
}
