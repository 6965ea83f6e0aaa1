/* SPDX-License-Identifier: Apache-2.0 */
#include "core/prefix.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* ---- bits ---- */

void prefix_mask(const uint8_t address[16], uint8_t length, uint8_t ret[16])
{
	for (unsigned int i = 0; i < 16; i++) {
		unsigned int bits = length > 8 * i ? length - 8 * i : 0;

		ret[i] = bits >= 8 ? address[i] : (uint8_t)(address[i] & ~(0xFFU >> bits));
	}
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

void prefix_text(const uint8_t address[16], uint8_t length, char text[PREFIX_TEXT_MAX])
{
	char address_text[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, address, address_text, sizeof(address_text));
	snprintf(text, PREFIX_TEXT_MAX, "%s/%u", address_text, length);
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

/* The text before the slash. */
static int read_address(const struct reader *reader, uint8_t ret[16])
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
	if (r < 0)
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

	if (r < 0)
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

	if (r < 0)
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
