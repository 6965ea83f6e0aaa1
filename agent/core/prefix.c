/* SPDX-License-Identifier: Apache-2.0 */
#include "core/prefix.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdio.h>
#include <string.h>

/* ---- bits ---- */

/* The first `length` bits of half an address. */
static uint64_t mask_half(uint64_t half, unsigned int length)
{
	if (length == 0)
		return 0;
	return length >= 64 ? half : half & htobe64(UINT64_MAX << (64 - length));
}

void prefix_mask(const uint8_t address[16], uint8_t length, uint8_t ret[16])
{
	uint64_t halves[2];

	memcpy(halves, address, sizeof(halves));
	halves[0] = mask_half(halves[0], length);
	halves[1] = mask_half(halves[1], length > 64 ? length - 64U : 0);
	memcpy(ret, halves, sizeof(halves));
}

bool prefix_contains(const uint8_t prefix[16], uint8_t length, const uint8_t address[16])
{
	uint8_t masked[16], wanted[16];

	prefix_mask(prefix, length, wanted);
	prefix_mask(address, length, masked);
	return memcmp(masked, wanted, sizeof(masked)) == 0;
}

static bool has_host_bits(const uint8_t address[16], uint8_t length)
{
	uint8_t masked[16];

	prefix_mask(address, length, masked);
	return memcmp(masked, address, sizeof(masked)) != 0;
}

/* ---- writing ---- */

/* The first of the longest runs of zeros, which "::" stands for; two groups at least. */
static int longest_zeros(const uint16_t groups[static 8], int *ret_length)
{
	int longest = 1, first = -1, run = 0;

	for (int i = 0; i < 8; i++) {
		run = groups[i] ? 0 : run + 1;
		if (run > longest) {
			longest = run;
			first = i - run + 1;
		}
	}
	*ret_length = longest;
	return first;
}

static char *write_group(char *text, unsigned int group)
{
	static const char digits[] = "0123456789abcdef";

	if (group > 0xFFF)
		*text++ = digits[group >> 12];
	if (group > 0xFF)
		*text++ = digits[group >> 8 & 0xF];
	if (group > 0xF)
		*text++ = digits[group >> 4 & 0xF];
	*text++ = digits[group & 0xF];
	return text;
}

/* What inet_ntop() writes, in a tenth of the time. */
char *prefix_address_text(const uint8_t address[16], char text[static INET6_ADDRSTRLEN])
{
	static const uint8_t zeros[10];
	uint16_t groups[8];
	int first, length;
	char *end = text;

	/* Some of these have an IPv4 address inside, with a notation of its own. */
	if (memcmp(address, zeros, sizeof(zeros)) == 0) {
		inet_ntop(AF_INET6, address, text, INET6_ADDRSTRLEN);
		return text + strlen(text);
	}
	for (int i = 0; i < 8; i++)
		groups[i] = (uint16_t)(address[2 * i] << 8 | address[2 * i + 1]);
	first = longest_zeros(groups, &length);
	for (int i = 0; i < 8; i++) {
		if (i == first) {
			*end++ = ':';
			if (i + length == 8)
				*end++ = ':';
			i += length - 1;
			continue;
		}
		if (i > 0)
			*end++ = ':';
		end = write_group(end, groups[i]);
	}
	*end = '\0';
	return end;
}

char *prefix_text(const uint8_t address[16], uint8_t length, char text[PREFIX_TEXT_MAX])
{
	char *end = prefix_address_text(address, text);

	return end + sprintf(end, "/%u", length);
}

/* ---- reading ---- */

/* What is read, and whom to tell. */
struct reader {
	const char *text;
	const char *field;
	struct fault *fault;
};

/* "field value: why" */
static int refuse(const struct reader *reader, const char *reason, const char *why)
{
	return fault_invalid(reader->fault, reason, reader->field, "%s %s: %s", reader->field,
			     reader->text, why);
}

/* For text that is no address: quoted, for it may hold spaces. */
static int refuse_malformed(const struct reader *reader, const char *why)
{
	return fault_invalid(reader->fault, FAULT_REASON_INVALID_ADDRESS, reader->field,
			     "%s \"%s\": %s", reader->field, reader->text, why);
}

static int refuse_overlong(const struct reader *reader)
{
	return fault_invalid(reader->fault, FAULT_REASON_INVALID_ADDRESS, reader->field,
			     "%s of %zu octets: not an IPv6 address or prefix", reader->field,
			     strlen(reader->text));
}

static int refuse_host_bits(const struct reader *reader, const uint8_t address[16],
			    uint8_t length)
{
	char right[PREFIX_TEXT_MAX];
	uint8_t masked[16];

	prefix_mask(address, length, masked);
	prefix_text(masked, length, right);
	return fault_invalid(reader->fault, FAULT_REASON_HOST_BITS, reader->field,
			     "%s %s has host bits set; the prefix is %s", reader->field,
			     reader->text, right);
}

/* Values of hexadecimal digits, + 1. */
static const uint8_t hex_values[256] = {
	['0'] = 1,  ['1'] = 2,	['2'] = 3,  ['3'] = 4,	['4'] = 5,  ['5'] = 6,
	['6'] = 7,  ['7'] = 8,	['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
	['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

/* Up to four digits; the end of what was read. */
static const char *read_group(const char *text, uint16_t *ret)
{
	const char *const end = text + 4;
	unsigned int group = 0, value;

	for (; text < end && (value = hex_values[(uint8_t)*text]) != 0; text++)
		group = group << 4 | (value - 1);
	*ret = (uint16_t)group;
	return text;
}

/* The groups of a text, and before which of them it has "::" (-1: nowhere). Returns where they
 * end, for the caller to judge; NULL: not so. */
static const char *read_groups(const char *text, uint16_t groups[static 8], int *ret_n,
			       int *ret_gap)
{
	int n = 0, gap = -1;

	while (n < 8) {
		const char *end;

		if (gap < 0 && text[0] == ':' && text[1] == ':') {
			gap = n;
			text += 2;
		} else if (n > 0) {
			if (*text != ':')
				break;
			text++;
		}
		end = read_group(text, &groups[n]);
		if (end == text && gap != n)
			return NULL;
		if (end == text)
			break;
		n++;
		text = end;
	}
	*ret_n = n;
	*ret_gap = gap;
	return text;
}

/* What inet_pton() reads, in a fraction of the time; returns the end. NULL: it is for
 * inet_pton() to say what this is. */
static const char *read_plain_address(const char *text, uint8_t ret[16])
{
	uint16_t groups[8];
	int n, gap;
	const char *end = read_groups(text, groups, &n, &gap);

	if (!end || (gap < 0) != (n == 8))
		return NULL;
	if (*end && (*end != '/' || strnlen(end, 5) > 4))
		return NULL;
	memset(ret, 0, 16);
	for (int i = 0; i < n; i++) {
		const int place = gap >= 0 && i >= gap ? i + 8 - n : i;

		ret[2 * place] = (uint8_t)(groups[i] >> 8);
		ret[2 * place + 1] = (uint8_t)groups[i];
	}
	return end;
}

/* Any text before the slash. */
static int read_any_address(const struct reader *reader, uint8_t ret[16])
{
	size_t length = strcspn(reader->text, "/");
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;
	struct in_addr ipv4;
	bool is_ipv6;

	if (strchr(reader->text, '%'))
		return refuse(reader, FAULT_REASON_ZONE_UNSUPPORTED,
			      "a match holds on every interface, so it takes no zone");
	if (length >= sizeof(text) || strlen(reader->text) >= PREFIX_TEXT_MAX)
		return refuse_overlong(reader);
	memcpy(text, reader->text, length);
	text[length] = '\0';
	is_ipv6 = inet_pton(AF_INET6, text, &address) == 1;
	if (is_ipv6 ? IN6_IS_ADDR_V4MAPPED(&address) : inet_pton(AF_INET, text, &ipv4) == 1)
		return refuse(reader, FAULT_REASON_IPV4_UNSUPPORTED,
			      "IPv4 packets have no flow label");
	if (!is_ipv6)
		return refuse_malformed(reader, "not an IPv6 address or prefix");
	memcpy(ret, &address, sizeof(address));
	return 0;
}

/* The text before the slash. */
static int read_address(const struct reader *reader, uint8_t ret[16])
{
	uint8_t address[16];

	if (!read_plain_address(reader->text, address) ||
	    IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)address))
		return read_any_address(reader, ret);
	memcpy(ret, address, sizeof(address));
	return 0;
}

/* Decimal without sign or leading zeros, 0..128; -1 if it is anything else. */
static int read_digits(const char *digits)
{
	int length = 0;

	if (!digits[0] || (digits[0] == '0' && digits[1]))
		return -1;
	for (const char *digit = digits; *digit; digit++) {
		if (*digit < '0' || *digit > '9')
			return -1;
		length = length * 10 + *digit - '0';
		if (length > PREFIX_LENGTH_MAX)
			return -1;
	}
	return length;
}

static int read_length(const struct reader *reader, uint8_t *ret)
{
	const char *slash = strchr(reader->text, '/');
	int length = slash ? read_digits(slash + 1) : PREFIX_LENGTH_MAX;

	if (length < 0)
		return refuse_malformed(reader, "the prefix length is not a number in 0..128");
	*ret = (uint8_t)length;
	return 0;
}

static int read_prefix(const struct reader *reader, uint8_t ret_address[16],
		       uint8_t *ret_length)
{
	uint8_t address[16], length;
	int r = read_address(reader, address);

	if (r == 0)
		r = read_length(reader, &length);
	if (r != 0)
		return r;
	if (has_host_bits(address, length))
		return refuse_host_bits(reader, address, length);
	memcpy(ret_address, address, sizeof(address));
	*ret_length = length;
	return 0;
}

static bool is_unspecified(const uint8_t address[16])
{
	return IN6_IS_ADDR_UNSPECIFIED((const struct in6_addr *)address);
}

int prefix_parse(const char *text, const char *field, uint8_t ret_address[16],
		 uint8_t *ret_length, struct fault *fault)
{
	const struct reader reader = {text, field, fault};
	uint8_t address[16], length;
	int r = read_prefix(&reader, address, &length);

	if (r != 0)
		return r;
	if (length == PREFIX_LENGTH_MAX && is_unspecified(address))
		return refuse(&reader, FAULT_REASON_INVALID_ADDRESS,
			      "nobody has this address; every destination is ::/0");
	memcpy(ret_address, address, sizeof(address));
	*ret_length = length;
	return 0;
}

int prefix_parse_source(const char *text, const char *field, uint8_t ret_address[16],
			struct fault *fault)
{
	const struct reader reader = {text, field, fault};
	uint8_t address[16], length;
	int r = read_prefix(&reader, address, &length);

	if (r != 0)
		return r;
	if (length != PREFIX_LENGTH_MAX)
		return refuse(&reader, FAULT_REASON_INVALID_ADDRESS,
			      "must be one address, not a prefix");
	if (IN6_IS_ADDR_MULTICAST((const struct in6_addr *)address) || is_unspecified(address))
		return refuse(&reader, FAULT_REASON_INVALID_ADDRESS,
			      "no host sends from this address");
	memcpy(ret_address, address, sizeof(address));
	return 0;
}
