/* SPDX-License-Identifier: Apache-2.0 */
#include "oracle.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

/* A packet as far as it could be read. */
struct reading {
	size_t network, transport;
	uint8_t protocol;
	bool has_ports, jumbo;
	uint16_t source_port, destination_port;
	const uint8_t *header; /* IPv6 */
};

static unsigned u16(const struct frame *frame, size_t offset)
{
	return (unsigned)frame->bytes[offset] << 8 | frame->bytes[offset + 1];
}

static enum verdict read_type(const struct frame *frame, struct reading *reading)
{
	size_t offset = 12;

	if (!frame->ethernet)
		return u16(frame, offset) == ETH_P_IPV6 ? VERDICT_NO_MATCH : VERDICT_NOT_IPV6;
	for (int tags = 0;; tags++) {
		if (offset + 2 > frame->length)
			return VERDICT_TRUNCATED;
		if (u16(frame, offset) == ETH_P_IPV6)
			break;
		if (u16(frame, offset) != ETH_P_8021Q && u16(frame, offset) != ETH_P_8021AD)
			return VERDICT_NOT_IPV6;
		if (tags == 2)
			return VERDICT_NOT_IPV6;
		offset += 4;
	}
	reading->network = offset + 2;
	return VERDICT_NO_MATCH;
}

/* Steps over one extension header. */
static enum verdict read_extension(const struct frame *frame, struct reading *reading)
{
	const uint8_t *header = frame->bytes + reading->transport;
	bool later_fragment = false;

	if (reading->transport + 4 > frame->length)
		return VERDICT_TRUNCATED;
	switch (reading->protocol) {
	case IPPROTO_FRAGMENT:
		later_fragment = u16(frame, reading->transport + 2) >> 3 != 0;
		reading->transport += 8;
		break;
	case IPPROTO_AH:
		reading->transport += 4 * header[1] + 8;
		break;
	default:
		reading->transport += 8 * header[1] + 8;
	}
	reading->protocol = later_fragment ? IPPROTO_NONE : header[0];
	return VERDICT_NO_MATCH;
}

static bool is_extension(uint8_t protocol)
{
	static const bool extension[256] = {[IPPROTO_HOPOPTS] = true,
					    [IPPROTO_ROUTING] = true,
					    [IPPROTO_DSTOPTS] = true,
					    [IPPROTO_AH] = true,
					    [IPPROTO_FRAGMENT] = true};

	return extension[protocol];
}

static bool has_ports(uint8_t protocol)
{
	static const bool ports[256] = {
		[6] = true, [17] = true, [33] = true, [132] = true, [136] = true};

	return ports[protocol];
}

static enum verdict read_ports(const struct frame *frame, struct reading *reading)
{
	if (reading->transport > frame->length)
		return VERDICT_TRUNCATED;
	reading->has_ports = has_ports(reading->protocol);
	if (!reading->has_ports)
		return VERDICT_NO_MATCH;
	if (reading->transport + 4 > frame->length)
		return VERDICT_TRUNCATED;
	reading->source_port = (uint16_t)u16(frame, reading->transport);
	reading->destination_port = (uint16_t)u16(frame, reading->transport + 2);
	return VERDICT_NO_MATCH;
}

static enum verdict read_headers(const struct frame *frame, struct reading *reading)
{
	enum verdict verdict = read_type(frame, reading);

	if (verdict != VERDICT_NO_MATCH)
		return verdict;
	if (reading->network + 40 > frame->length)
		return VERDICT_TRUNCATED;
	reading->header = frame->bytes + reading->network;
	if (reading->header[0] >> 4 != 6)
		return VERDICT_NOT_IPV6;
	reading->protocol = reading->header[6];
	reading->transport = reading->network + 40;
	reading->jumbo =
		reading->protocol == IPPROTO_HOPOPTS && u16(frame, reading->network + 4) == 0;
	for (int i = 0; i < 8 && is_extension(reading->protocol); i++) {
		verdict = read_extension(frame, reading);
		if (verdict != VERDICT_NO_MATCH)
			return verdict;
	}
	return read_ports(frame, reading);
}

static bool is_within(const uint8_t *address, const struct lab_mark *mark)
{
	for (unsigned bit = 0; bit < mark->length; bit++)
		if ((address[bit / 8] ^ mark->destination[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return true;
}

static bool is_matched(const struct lab_mark *mark, const struct reading *reading)
{
	const uint8_t *source = reading->header + 8, *destination = reading->header + 24;
	bool same = memcmp(destination, mark->destination, 16) == 0;
	bool same_port = reading->has_ports && reading->protocol == mark->protocol &&
			 reading->destination_port == mark->destination_port;

	switch (mark->kind) {
	case FILTER_FLOW:
		return same && same_port && reading->source_port == mark->source_port &&
		       memcmp(source, mark->source, 16) == 0;
	case FILTER_ENDPOINT:
		return same && same_port;
	case FILTER_HOST:
		return same;
	}
	return is_within(destination, mark);
}

static int rank(const struct lab_mark *mark)
{
	switch (mark->kind) {
	case FILTER_FLOW:
		return 1002;
	case FILTER_ENDPOINT:
		return 1001;
	case FILTER_HOST:
		return 1000;
	}
	return mark->length;
}

static void choose(const struct oracle *oracle, const struct reading *reading,
		   struct expectation *expectation)
{
	int best = -1;

	for (size_t i = 0; i < oracle->n; i++) {
		const struct lab_mark *mark = &oracle->marks[i];

		if (!is_matched(mark, reading))
			continue;
		if (oracle->lease_expired[mark->word >> WORD_LEASE_SHIFT]) {
			if (best < 0)
				expectation->verdict = VERDICT_EXPIRED;
		} else if (rank(mark) > best) {
			best = rank(mark);
			expectation->verdict = VERDICT_MARKED;
			expectation->mark = i;
		}
	}
}

static size_t transport_header(const struct frame *frame, const struct reading *reading)
{
	size_t words = reading->transport + 12;

	switch (reading->protocol) {
	case IPPROTO_TCP:
		return words < frame->length ? frame->bytes[words] / 16 * 4 : 0;
	case IPPROTO_UDP:
		return 8;
	case IPPROTO_SCTP:
		return 12;
	}
	return 0;
}

static void measure(const struct frame *frame, const struct reading *reading, uint32_t gso_size,
		    uint32_t gso_segs, struct expectation *expectation)
{
	size_t stripped = reading->jumbo ? 8 : 0;
	bool uncounted = !gso_segs;
	size_t octets = frame->length - reading->network - stripped;
	size_t headers = reading->transport - reading->network - stripped +
			 transport_header(frame, reading);

	if (headers > octets)
		headers = octets;
	for (size_t rest = octets - headers; !gso_segs || (uncounted && rest > 0); gso_segs++)
		rest -= rest < gso_size ? rest : gso_size;
	expectation->packets = gso_segs;
	expectation->bytes = (octets - headers) + gso_segs * headers;
}

static void describe_write(const struct frame *frame, uint64_t word,
			   struct expectation *expectation)
{
	const uint8_t *header = frame->bytes + expectation->network;
	bool labelled = (header[1] & 0x0F) || header[2] || header[3];

	expectation->value = (uint32_t)(word & WORD_LABEL_MASK);
	if (word & WORD_HAS_RAW)
		expectation->mask = 0x000FFFFF;
	if (word & WORD_HAS_SCITAG)
		expectation->mask = 0x0003FEFC;
	if (word & WORD_HAS_SCITAG && !labelled)
		expectation->free = 0x000C0103;
	if (word & WORD_HAS_DSCP) {
		expectation->mask |= 0x0FC00000;
		expectation->value |= (uint32_t)(word >> WORD_DSCP_SHIFT & 0x3F) << 22;
	}
}

struct expectation oracle_ask(const struct oracle *oracle, const struct frame *frame,
			      uint32_t gso_size, uint32_t gso_segs)
{
	struct expectation expectation = {.mark = ORACLE_NO_MARK, .packets = 1};
	struct reading reading = {0};

	expectation.verdict = read_headers(frame, &reading);
	expectation.network = reading.network;
	if (expectation.verdict == VERDICT_NO_MATCH) {
		choose(oracle, &reading, &expectation);
		expectation.bytes = frame->length - reading.network;
		if (gso_size)
			measure(frame, &reading, gso_size, gso_segs, &expectation);
	} else if (gso_size && gso_segs) {
		expectation.packets = gso_segs;
	}
	if (expectation.verdict == VERDICT_MARKED)
		describe_write(frame, oracle->marks[expectation.mark].word, &expectation);
	return expectation;
}
