/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/entry.h"

#include <arpa/inet.h>
#include <string.h>

/* Word by word: pieces that are written singly and read at once have to wait for each other,
 * and every mark that comes goes through here. */
static uint64_t exact_write(const struct match *match, uint32_t slot, void *key)
{
	const uint32_t ports = (uint32_t)match->source_port << 16 | match->destination_port;
	uint64_t word[5];

	memcpy(&word[0], match->destination, sizeof(match->destination));
	memcpy(&word[2], match->source, sizeof(match->source));
	word[4] = key_end_of(htonl(ports), match->protocol);
	memcpy(key, word, sizeof(word));
	return entry_value(key_hash(address_hash(word[0], word[1]), word[2], word[3], word[4]),
			   slot);
}

static uint64_t prefix_write(const struct match *match, uint32_t slot, void *key)
{
	struct prefix_key prefix = {.length = match->prefix_length};

	memcpy(prefix.destination, match->destination, sizeof(prefix.destination));
	memcpy(key, &prefix, sizeof(prefix));
	return slot | (uint64_t)match->prefix_length << ENTRY_LENGTH_SHIFT;
}

uint64_t entry_write(const struct match *match, uint32_t slot, void *key)
{
	return match->kind == MARK_NETWORK ? prefix_write(match, slot, key)
					   : exact_write(match, slot, key);
}

struct entry entry_make(const struct match *match, uint32_t slot)
{
	struct entry entry = {.kind = match->kind == MARK_NETWORK ? ENTRY_NETWORK
								  : ENTRY_EXACT};

	entry.value = entry_write(match, slot, entry.key.bytes);
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
