/* SPDX-License-Identifier: Apache-2.0 */
#include "value.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/core/scitag.h"
#include "waymark/v1/marker.pb-c.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define REFUSE(...) ((void)snprintf(reason, REASON_MAX, __VA_ARGS__), false)

/* Digits of the base only; 12 of them are more than any value here needs. */
static bool digits_read(const char *text, int base, uint64_t *ret)
{
	const char *digits = base == 16 ? "0123456789abcdefABCDEF" : "0123456789";
	size_t length = strspn(text, digits);

	if (!length || text[length] || length > 12)
		return false;
	*ret = strtoull(text, NULL, base);
	return true;
}

bool number_read(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *ret)
{
	uint64_t number;

	if (!digits_read(text, 10, &number) || number < minimum || number > maximum)
		return false;
	*ret = number;
	return true;
}

static bool u32_read(const char *text, uint32_t minimum, uint32_t maximum, uint32_t *ret,
		     char reason[static REASON_MAX])
{
	uint64_t number;

	if (!number_read(text, minimum, maximum, &number))
		return REFUSE("not a number in %u..%u", minimum, maximum);
	*ret = (uint32_t)number;
	return true;
}

bool read_flag(const char *text, void *ret, char reason[static REASON_MAX])
{
	(void)text;
	(void)reason;
	*(bool *)ret = true;
	return true;
}

bool read_text(const char *text, void *ret, char reason[static REASON_MAX])
{
	if (!*text)
		return REFUSE("is empty");
	*(const char **)ret = text;
	return true;
}

bool read_port(const char *text, void *ret, char reason[static REASON_MAX])
{
	return u32_read(text, 1, UINT16_MAX, ret, reason);
}

bool read_count(const char *text, void *ret, char reason[static REASON_MAX])
{
	return u32_read(text, 1, UINT32_MAX, ret, reason);
}

bool read_u64(const char *text, void *ret, char reason[static REASON_MAX])
{
	uint64_t number = 0;
	const char *digit = text;

	for (; *digit >= '0' && *digit <= '9'; digit++) {
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*digit - '0'), &number))
			break;
	}
	if (*digit || !number)
		return REFUSE("not a number in 1..%llu", (unsigned long long)UINT64_MAX);
	*(uint64_t *)ret = number;
	return true;
}

bool read_protocol(const char *text, void *ret, char reason[static REASON_MAX])
{
	static const struct {
		const char *name;
		uint32_t number;
	} protocols[] = {
		{"tcp", WAYMARK__V1__PROTOCOL__PROTOCOL_TCP},
		{"udp", WAYMARK__V1__PROTOCOL__PROTOCOL_UDP},
		{"dccp", WAYMARK__V1__PROTOCOL__PROTOCOL_DCCP},
		{"sctp", WAYMARK__V1__PROTOCOL__PROTOCOL_SCTP},
		{"udplite", WAYMARK__V1__PROTOCOL__PROTOCOL_UDP_LITE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (strcasecmp(text, protocols[i].name) == 0) {
			*(uint32_t *)ret = protocols[i].number;
			return true;
		}
	}
	return REFUSE("not tcp, udp, dccp, sctp or udplite");
}

bool read_dscp(const char *text, void *ret, char reason[static REASON_MAX])
{
	struct value_number value = {.given = true};

	if (!u32_read(text, 0, 63, &value.number, reason))
		return false;
	*(struct value_number *)ret = value;
	return true;
}

bool read_label(const char *text, void *ret, char reason[static REASON_MAX])
{
	bool hexadecimal = strncasecmp(text, "0x", 2) == 0;
	uint64_t number;

	if (!digits_read(text + (hexadecimal ? 2 : 0), hexadecimal ? 16 : 10, &number) ||
	    number > SCITAG_LABEL_MAX)
		return REFUSE("not a flow label in 0..%d (0x%X)", SCITAG_LABEL_MAX,
			      SCITAG_LABEL_MAX);
	*(struct value_number *)ret =
		(struct value_number){.given = true, .number = (uint32_t)number};
	return true;
}

bool read_kind(const char *text, void *ret, char reason[static REASON_MAX])
{
	static const char *const names[] = {
		[WAYMARK__V1__KIND__KIND_FLOW] = "flow",
		[WAYMARK__V1__KIND__KIND_ENDPOINT] = "endpoint",
		[WAYMARK__V1__KIND__KIND_HOST] = "host",
		[WAYMARK__V1__KIND__KIND_NETWORK] = "network",
	};
	struct value_kinds *kinds = ret;
	unsigned int kind = WAYMARK__V1__KIND__KIND_FLOW;

	while (kind < ARRAY_SIZE(names) && strcasecmp(text, names[kind]) != 0)
		kind++;
	if (kind == ARRAY_SIZE(names))
		return REFUSE("not flow, endpoint, host or network");
	for (size_t i = 0; i < kinds->count; i++) {
		if (kinds->kinds[i] == kind)
			return true;
	}
	kinds->kinds[kinds->count++] = (Waymark__V1__Kind)kind;
	return true;
}

bool read_seconds(const char *text, void *ret, char reason[static REASON_MAX])
{
	const uint64_t maximum = 86400;
	uint64_t seconds = 0;
	uint64_t milliseconds = 0;
	char whole[16];
	const char *point = strchr(text, '.');
	size_t length = point ? (size_t)(point - text) : strlen(text);
	size_t places = point ? strlen(point + 1) : 0;
	bool valid = length < sizeof(whole) && places <= 3;

	(void)snprintf(whole, sizeof(whole), "%.*s", (int)(valid ? length : 0), text);
	valid = valid && number_read(whole, 0, maximum, &seconds);
	if (point)
		valid = valid && number_read(point + 1, 0, 999, &milliseconds);
	for (; places && places < 3; places++)
		milliseconds *= 10;
	milliseconds += seconds * 1000;
	if (!valid || !milliseconds || milliseconds > maximum * 1000)
		return REFUSE("not seconds in 0.001..%llu", (unsigned long long)maximum);
	*(int64_t *)ret = (int64_t)milliseconds;
	return true;
}

bool read_output(const char *text, void *ret, char reason[static REASON_MAX])
{
	static const char *const names[] = {
		[OUTPUT_TABLE] = "table",
		[OUTPUT_JSON] = "json",
		[OUTPUT_JSONL] = "jsonl",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(text, names[i]) == 0) {
			*(enum value_output *)ret = (enum value_output)i;
			return true;
		}
	}
	return REFUSE("not table, json or jsonl");
}
