/* SPDX-License-Identifier: Apache-2.0 */
#include "draw.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/prefix.h"

static unsigned int seed = 1;

unsigned int draw(unsigned int below)
{
	return (unsigned int)rand_r(&seed) % below;
}

uint64_t draw_number(void)
{
	uint64_t number =
		(uint64_t)rand_r(&seed) << 33 ^ (uint64_t)rand_r(&seed) << 11 ^ draw(99);

	return number >> draw(64);
}

/* Many zero groups, as addresses have. */
static void draw_address(uint8_t ret[16])
{
	for (int i = 0; i < 16; i++)
		ret[i] = draw(2) ? (uint8_t)draw(256) : 0;
	ret[0] = 0x20;
}

static struct match draw_match(void)
{
	static const uint8_t protocols[] = {6, 17, 33, 132, 136};
	struct match match = {.kind = (uint8_t)(MARK_FLOW + draw(4)), .prefix_length = 128};

	draw_address(match.destination);
	if (match.kind == MARK_NETWORK) {
		uint8_t address[16];

		memcpy(address, match.destination, sizeof(address));
		match.prefix_length = (uint8_t)draw(128);
		prefix_mask(address, match.prefix_length, match.destination);
	}
	if (match.kind == MARK_FLOW) {
		draw_address(match.source);
		match.source_port = (uint16_t)(1 + draw(65535));
	}
	if (match.kind <= MARK_ENDPOINT) {
		match.protocol = protocols[draw(5)];
		match.destination_port = (uint16_t)(1 + draw(65535));
	}
	return match;
}

static struct mark_action draw_action(void)
{
	struct mark_action action = {.label = (uint8_t)draw(3)};

	if (action.label == MARK_LABEL_RAW)
		action.flow_label = draw(0x100000);
	if (action.label == MARK_LABEL_SCITAG) {
		action.experiment = (uint16_t)(1 + draw(511));
		action.activity = (uint8_t)draw(64);
	}
	action.has_dscp = action.label == MARK_LABEL_NONE || draw(2);
	action.dscp = action.has_dscp ? (uint8_t)draw(64) : 0;
	return action;
}

static void draw_text(char *ret, size_t max)
{
	size_t length = draw(4) ? draw(20) : max - draw(2);

	for (size_t i = 0; i < length; i++)
		ret[i] = (char)(1 + draw(255));
}

struct mark draw_mark(void)
{
	struct mark mark;

	memset(&mark, 0, sizeof(mark));
	mark.match = draw_match();
	mark.action = draw_action();
	mark.lifetime = (uint8_t)draw(3);
	mark.lease = mark.lifetime == MARK_FOREVER ? 0 : 1 + draw_number();
	mark.ttl = mark.lifetime == MARK_TTL ? 1 + draw_number() : 0;
	draw_text(mark.cookie, MARK_COOKIE_MAX);
	draw_text(mark.owner, MARK_OWNER_MAX);
	mark.revision = 2 + draw_number();
	mark.create_time = (int64_t)draw_number() - (draw(2) ? 0 : 1000000000000);
	return mark;
}

struct removal draw_removal(void)
{
	struct removal removal;

	memset(&removal, 0, sizeof(removal));
	removal.match = draw_match();
	draw_text(removal.owner, MARK_OWNER_MAX);
	removal.revision = 2 + draw_number();
	removal.reason = (uint8_t)(1 + draw(4));
	removal.counters.packets = draw_number();
	removal.counters.bytes = draw(2) ? draw_number() : UINT64_MAX;
	return removal;
}
