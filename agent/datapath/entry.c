/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/entry.h"

#include <arpa/inet.h>
#include <string.h>

static struct exact_key exact_key(const struct match *match)
{
	struct exact_key key = {
		.source_port = htons(match->source_port),
		.destination_port = htons(match->destination_port),
		.protocol = match->protocol,
	};

	memcpy(key.destination, match->destination, sizeof(key.destination));
	memcpy(key.source, match->source, sizeof(key.source));
	return key;
}

static struct prefix_key prefix_key(const struct match *match)
{
	struct prefix_key key = {.length = match->prefix_length};

	memcpy(key.destination, match->destination, sizeof(key.destination));
	return key;
}

struct entry entry_make(const struct match *match, uint32_t slot)
{
	struct entry entry = {.kind = ENTRY_EXACT};

	if (match->kind == MARK_NETWORK) {
		entry.kind = ENTRY_NETWORK;
		entry.key.prefix = prefix_key(match);
		entry.value = slot | (uint64_t)match->prefix_length << ENTRY_LENGTH_SHIFT;
	} else {
		entry.key.exact = exact_key(match);
		entry.value = entry_tagged(&entry.key.exact, slot);
	}
	return entry;
}

static struct match exact_match(const struct exact_key *key)
{
	struct match match = {
		.kind = MARK_HOST,
		.prefix_length = 128,
		.source_port = ntohs(key->source_port),
		.destination_port = ntohs(key->destination_port),
		.protocol = key->protocol,
	};

	if (match.source_port)
		match.kind = MARK_FLOW;
	else if (match.protocol)
		match.kind = MARK_ENDPOINT;
	memcpy(match.destination, key->destination, sizeof(match.destination));
	memcpy(match.source, key->source, sizeof(match.source));
	return match;
}

static struct match prefix_match(const struct prefix_key *key)
{
	struct match match = {.kind = MARK_NETWORK, .prefix_length = (uint8_t)key->length};

	memcpy(match.destination, key->destination, sizeof(match.destination));
	return match;
}

/* What we would write is what is there, or it is not ours. */
bool entry_read(const struct entry *entry, struct match *ret_match, uint32_t *ret_slot)
{
	bool is_network = entry->kind == ENTRY_NETWORK;
	uint32_t slot = entry->value & ENTRY_SLOT_MASK;
	struct match match =
		is_network ? prefix_match(&entry->key.prefix) : exact_match(&entry->key.exact);
	struct entry ours = entry_make(&match, slot);

	if (!slot || ours.value != entry->value ||
	    memcmp(ours.key.bytes, entry->key.bytes, sizeof(ours.key.bytes)) != 0)
		return false;
	*ret_match = match;
	*ret_slot = slot;
	return true;
}
