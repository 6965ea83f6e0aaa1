/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "expect.h"

#define CHOOSE(sample, list) (list)[sample_below(sample, sizeof(list) / sizeof((list)[0]))]

static const char *const sources[] = {SOURCE, "2001:db8:86dd::2", "2001:db8:86dd:1::1"};
static const char *const destinations[] = {TARGET,
					   "2001:db8:2:3::5",
					   "2001:db8:2:3:8000::4",
					   "2001:db8:2:4::4",
					   "2001:db8:8002::",
					   "2001:dead::1",
					   "fe80::1",
					   "ff02::fb"};
static const uint8_t lengths[] = {0, 1, 8, 16, 31, 32, 33, 47, 48, 63, 64, 65, 96, 126, 127};
static const uint16_t ports[] = {443, 1094, 5000};
static const uint8_t port_protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE,
					 IPPROTO_SCTP, IPPROTO_DCCP};
static const uint8_t other_protocols[] = {IPPROTO_ICMPV6, IPPROTO_ESP, IPPROTO_NONE,
					  IPPROTO_GRE, 135};
static const uint8_t extensions[] = {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS,
				     IPPROTO_AH, IPPROTO_FRAGMENT};
static const uint16_t types[] = {ETH_P_IP, ETH_P_ARP, ETH_P_8021Q, ETH_P_8021AD, ETH_P_IPV6};

struct sample sample_start(uint64_t seed)
{
	return (struct sample){.state = seed};
}

/* splitmix64 */
static uint64_t next(struct sample *sample)
{
	uint64_t value = sample->state += 0x9E3779B97F4A7C15ull;

	value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9ull;
	value = (value ^ value >> 27) * 0x94D049BB133111EBull;
	return value ^ value >> 31;
}

uint32_t sample_below(struct sample *sample, uint32_t below)
{
	return (uint32_t)((next(sample) >> 32) * below >> 32);
}

static bool one_in(struct sample *sample, uint32_t n)
{
	return sample_below(sample, n) == 0;
}

static void add_extension(struct sample *sample, struct frame *frame, uint8_t type,
			  uint8_t following)
{
	size_t words = 1 + (one_in(sample, 4) ? sample_below(sample, 8) : 0);

	if (type == IPPROTO_FRAGMENT)
		frame_fragment(frame, following,
			       one_in(sample, 2) ? (uint16_t)sample_below(sample, 4) : 0,
			       one_in(sample, 2));
	else if (type == IPPROTO_AH)
		frame_authentication(frame, following, 8 + 4 * words);
	else
		frame_extension(frame, following, 8 * words);
}

/* The IPv6 header and what follows it up to the transport header's place. */
static void add_headers(struct sample *sample, struct frame *frame, uint8_t transport)
{
	uint32_t count =
		one_in(sample, 2) ? 0 : sample_below(sample, one_in(sample, 8) ? 12 : 4);
	struct ends ends = ends_of(CHOOSE(sample, sources), CHOOSE(sample, destinations));
	uint8_t type = count ? CHOOSE(sample, extensions) : transport;

	frame_ipv6(frame, &ends, type);
	while (count--) {
		uint8_t following = count ? CHOOSE(sample, extensions) : transport;

		add_extension(sample, frame, type, following);
		type = following;
	}
}

static void mutate(struct sample *sample, struct frame *frame)
{
	if (one_in(sample, 3))
		frame->length = ETH_HLEN + sample_below(sample, (uint32_t)frame->length - 13);
	if (one_in(sample, 3)) {
		uint16_t type = CHOOSE(sample, types);
		size_t offset = 12 + 4 * sample_below(sample, 3);

		frame->bytes[offset] = type >> 8;
		frame->bytes[offset + 1] = type & 0xFF;
	}
	for (uint32_t changes = sample_below(sample, 4); changes; changes--)
		frame->bytes[sample_below(sample, (uint32_t)frame->length)] ^=
			(uint8_t)(1 + sample_below(sample, 255));
}

struct frame sample_frame(struct sample *sample)
{
	struct frame frame = one_in(sample, 4) ? frame_bare() : frame_ethernet();
	bool has_ports = !one_in(sample, 5);
	uint8_t protocol =
		has_ports ? CHOOSE(sample, port_protocols) : CHOOSE(sample, other_protocols);
	uint32_t tags = frame.ethernet && one_in(sample, 3) ? sample_below(sample, 4) : 0;

	while (tags--)
		frame_tag(&frame, one_in(sample, 2) ? ETH_P_8021Q : ETH_P_8021AD);
	add_headers(sample, &frame, protocol);
	if (has_ports)
		frame_ports(&frame, protocol, CHOOSE(sample, ports), CHOOSE(sample, ports));
	frame_payload(&frame, sample_below(sample, 120));
	frame_set_class(&frame, (uint8_t)sample_below(sample, 256));
	if (!one_in(sample, 3))
		frame_set_label(&frame, sample_below(sample, 1u << 20));
	if (one_in(sample, 8))
		memset(frame.bytes + frame.network + 4, 0, 2); /* as in BIG TCP */
	if (one_in(sample, 3))
		mutate(sample, &frame);
	return frame;
}

static uint64_t random_word(struct sample *sample, uint32_t leases)
{
	uint64_t word = word_lease(sample_below(sample, leases));
	uint32_t what =
		1 + sample_below(sample, 5); /* 1, 3, 5: DSCP; 2, 3: raw; 4, 5: SciTag */

	if (what & 1)
		word |= word_dscp(sample_below(sample, 64));
	if (what & 2)
		word |= word_raw(sample_below(sample, 1u << 20));
	if (what & 4)
		word |= word_scitag(sample_below(sample, 1u << 20) & LABEL_STRUCTURAL_MASK);
	return word;
}

static struct lab_mark random_match(struct sample *sample)
{
	struct ends ends = ends_of(CHOOSE(sample, sources), CHOOSE(sample, destinations));
	struct lab_mark mark = {.kind = 1u << sample_below(sample, 4)};

	memcpy(mark.destination, ends.destination, 16);
	if (mark.kind == FILTER_FLOW) {
		memcpy(mark.source, ends.source, 16);
		mark.source_port = CHOOSE(sample, ports);
	}
	if (mark.kind == FILTER_FLOW || mark.kind == FILTER_ENDPOINT) {
		mark.destination_port = CHOOSE(sample, ports);
		mark.protocol = CHOOSE(sample, port_protocols);
	}
	if (mark.kind == FILTER_NETWORK)
		mark.length = CHOOSE(sample, lengths);
	for (unsigned bit = mark.length; mark.kind == FILTER_NETWORK && bit < 128; bit++)
		mark.destination[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return mark;
}

static bool is_same_match(const struct lab_mark *one, const struct lab_mark *other)
{
	return one->kind == other->kind && one->length == other->length &&
	       one->protocol == other->protocol && one->source_port == other->source_port &&
	       one->destination_port == other->destination_port &&
	       memcmp(one->source, other->source, sizeof(one->source)) == 0 &&
	       memcmp(one->destination, other->destination, sizeof(one->destination)) == 0;
}

static bool is_new(const struct lab_mark *mark, const struct lab_mark marks[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_same_match(mark, &marks[i]))
			return false;
	return true;
}

size_t sample_marks(struct sample *sample, struct lab_mark marks[], size_t max, uint32_t leases)
{
	uint32_t most = sample_below(sample, (uint32_t)max + 1);
	size_t n = 0;

	for (uint32_t tries = sample_below(sample, most + 1); tries; tries--) {
		struct lab_mark mark = random_match(sample);

		if (!is_new(&mark, marks, n))
			continue;
		mark.word = random_word(sample, leases);
		marks[n++] = mark;
	}
	return n;
}
