/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "clients/cli/value.h"
#include "waymark/v1/marker.pb-c.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define REFUSED INT64_MIN

static int64_t flag_value(const char *text, char *reason)
{
	bool value = false;

	return read_flag(text, &value, reason) ? value : REFUSED;
}

static int64_t port_value(const char *text, char *reason)
{
	uint32_t value = 7;
	bool read = read_port(text, &value, reason);

	assert_true(read || value == 7);
	return read ? value : REFUSED;
}

static int64_t count_value(const char *text, char *reason)
{
	uint32_t value;

	return read_count(text, &value, reason) ? value : REFUSED;
}

static int64_t protocol_value(const char *text, char *reason)
{
	uint32_t value;

	return read_protocol(text, &value, reason) ? value : REFUSED;
}

static int64_t dscp_value(const char *text, char *reason)
{
	struct value_number value = {0};
	bool read = read_dscp(text, &value, reason);

	assert_int_equal(value.given, read);
	return read ? value.number : REFUSED;
}

static int64_t label_value(const char *text, char *reason)
{
	struct value_number value = {0};
	bool read = read_label(text, &value, reason);

	assert_int_equal(value.given, read);
	return read ? value.number : REFUSED;
}

static int64_t seconds_value(const char *text, char *reason)
{
	int64_t value;

	return read_seconds(text, &value, reason) ? value : REFUSED;
}

static int64_t ttl_value(const char *text, char *reason)
{
	struct value_duration value = {0};
	bool read = read_ttl(text, &value, reason);

	assert_int_equal(value.given, read);
	return read ? value.seconds : REFUSED;
}

static int64_t output_value(const char *text, char *reason)
{
	enum value_output value;

	return read_output(text, &value, reason) ? (int64_t)value : REFUSED;
}

static const struct {
	int64_t (*read)(const char *text, char *reason);
	const char *text;
	int64_t value;
} values[] = {
	{flag_value, NULL, 1},
	{port_value, "1", 1},
	{port_value, "65535", 65535},
	{port_value, "00080", 80},
	{port_value, "0", REFUSED},
	{port_value, "65536", REFUSED},
	{port_value, "", REFUSED},
	{port_value, " 80", REFUSED},
	{port_value, "80 ", REFUSED},
	{port_value, "+80", REFUSED},
	{port_value, "-1", REFUSED},
	{port_value, "0x50", REFUSED},
	{port_value, "80.0", REFUSED},
	{port_value, "18446744073709551617", REFUSED},
	{count_value, "4294967295", UINT32_MAX},
	{count_value, "4294967296", REFUSED},
	{count_value, "0", REFUSED},
	{protocol_value, "tcp", 6},
	{protocol_value, "UDP", 17},
	{protocol_value, "Dccp", 33},
	{protocol_value, "sctp", 132},
	{protocol_value, "UDPlite", 136},
	{protocol_value, "icmp", REFUSED},
	{protocol_value, "6", REFUSED},
	{protocol_value, "", REFUSED},
	{dscp_value, "0", 0},
	{dscp_value, "63", 63},
	{dscp_value, "64", REFUSED},
	{label_value, "0", 0},
	{label_value, "1048575", 0xFFFFF},
	{label_value, "0xFFFFF", 0xFFFFF},
	{label_value, "0Xabc", 0xABC},
	{label_value, "1048576", REFUSED},
	{label_value, "0x100000", REFUSED},
	{label_value, "0x", REFUSED},
	{label_value, "abc", REFUSED},
	{label_value, "-0x1", REFUSED},
	{seconds_value, "10", 10000},
	{seconds_value, "0.5", 500},
	{seconds_value, "0.05", 50},
	{seconds_value, "1.250", 1250},
	{seconds_value, "0.001", 1},
	{seconds_value, "86400", 86400000},
	{seconds_value, "86400.001", REFUSED},
	{seconds_value, "0", REFUSED},
	{seconds_value, "0.000", REFUSED},
	{seconds_value, "1.", REFUSED},
	{seconds_value, ".5", REFUSED},
	{seconds_value, "1.2345", REFUSED},
	{seconds_value, "1.2.3", REFUSED},
	{seconds_value, "1s", REFUSED},
	{seconds_value, "1e3", REFUSED},
	{seconds_value, "-1", REFUSED},
	{seconds_value, "99999999999999999999", REFUSED},
	{ttl_value, "90s", 90},
	{ttl_value, "1m", 60},
	{ttl_value, "1h", 3600},
	{ttl_value, "30d", 2592000},
	{ttl_value, "1d12h", 129600},
	{ttl_value, "1d2h3m4s", 93784},
	{ttl_value, "1d0h5s", 86405},
	{ttl_value, "007s", 7},
	{ttl_value, "PT1H", 3600},
	{ttl_value, "PT1H30M", 5400},
	{ttl_value, "PT90S", 90},
	{ttl_value, "P1D", 86400},
	{ttl_value, "P1DT12H", 129600},
	{ttl_value, "999999999d", INT64_C(86399999913600)},
	{ttl_value, "1000000000d", REFUSED},
	{ttl_value, "99999999999999999999s", REFUSED},
	{ttl_value, "0s", REFUSED},
	{ttl_value, "PT0S", REFUSED},
	{ttl_value, "", REFUSED},
	{ttl_value, "h", REFUSED},
	{ttl_value, "90", REFUSED},
	{ttl_value, "1h30", REFUSED},
	{ttl_value, "12h1d", REFUSED},
	{ttl_value, "1h1h", REFUSED},
	{ttl_value, "1.5h", REFUSED},
	{ttl_value, "-1h", REFUSED},
	{ttl_value, "+1h", REFUSED},
	{ttl_value, "1h ", REFUSED},
	{ttl_value, "1 h", REFUSED},
	{ttl_value, "1H", REFUSED},
	{ttl_value, "1w", REFUSED},
	{ttl_value, "100ms", REFUSED},
	{ttl_value, "P", REFUSED},
	{ttl_value, "PT", REFUSED},
	{ttl_value, "P1DT", REFUSED},
	{ttl_value, "P1H", REFUSED},
	{ttl_value, "PT1D", REFUSED},
	{ttl_value, "P1M", REFUSED},
	{ttl_value, "PT1h", REFUSED},
	{ttl_value, "PT1HT1M", REFUSED},
	{ttl_value, "pt1h", REFUSED},
	{output_value, "table", OUTPUT_TABLE},
	{output_value, "json", OUTPUT_JSON},
	{output_value, "jsonl", OUTPUT_JSONL},
	{output_value, "JSON", REFUSED},
	{output_value, "yaml", REFUSED},
};

static void test_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(values); i++) {
		char reason[REASON_MAX] = "";
		int64_t value = values[i].read(values[i].text, reason);

		if (value != values[i].value)
			fail_msg("'%s' read as %lld", values[i].text, (long long)value);
		assert_int_equal(reason[0] != '\0', value == REFUSED);
	}
}

static void test_ttl_reasons(void **state)
{
	static const struct {
		const char *text, *hint;
	} rows[] = {
		{"90", "no unit"},	  {"1h30", "no unit"},	      {"1h2h", "'h' twice"},
		{"5s1m", "smaller unit"}, {"1w", "such as 90s"},      {"soon", "such as 90s"},
		{"PT1D", "such as 90s"},  {"PT5S1M", "smaller unit"}, {"0d", "nothing"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct value_duration value = {0};
		char reason[REASON_MAX] = "";

		assert_false(read_ttl(rows[i].text, &value, reason));
		if (!strstr(reason, rows[i].hint))
			fail_msg("'%s': %s", rows[i].text, reason);
	}
}

static void test_kinds(void **state)
{
	struct value_kinds kinds = {0};
	char reason[REASON_MAX];

	(void)state;
	assert_true(read_kind("network", &kinds, reason));
	assert_true(read_kind("FLOW", &kinds, reason));
	assert_true(read_kind("network", &kinds, reason));
	assert_int_equal(kinds.count, 2);
	assert_int_equal(kinds.kinds[0], WAYMARK__V1__KIND__KIND_NETWORK);
	assert_int_equal(kinds.kinds[1], WAYMARK__V1__KIND__KIND_FLOW);
	assert_false(read_kind("any", &kinds, reason));
	assert_int_equal(kinds.count, 2);
	assert_true(read_kind("host", &kinds, reason));
	assert_true(read_kind("endpoint", &kinds, reason));
	assert_int_equal(kinds.count, 4);
}

static const struct {
	const char *text;
	uint32_t experiment_id, activity_id;
	const char *experiment, *activity;
} scitags[] = {
	{"3/14", 3, 14, "", ""},
	{"511/63", 511, 63, "", ""},
	{"1/0", 1, 0, "", ""},
	{"cms/14", 0, 14, "cms", ""},
	{"3/Analysis Input", 3, 0, "", "Analysis Input"},
	{"cms/Analysis Input", 0, 0, "cms", "Analysis Input"},
	{"atlas/Upload/Download (User)", 0, 0, "atlas", "Upload/Download (User)"},
	{"atlas/T0 Export", 0, 0, "atlas", "T0 Export"},
	{"cms", 0, 0, "cms", ""},
	{"1", 1, 0, "", ""},
	{"63", 63, 0, "", ""},
	{"65", 1, 1, "", ""},
	{"206", 3, 14, "", ""},
	{"32767", 511, 63, "", ""},
};

static void test_scitags(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(scitags); i++) {
		struct value_scitag value = {0};
		char reason[REASON_MAX];

		if (!read_scitag(scitags[i].text, &value, reason))
			fail_msg("'%s': %s", scitags[i].text, reason);
		assert_true(value.given);
		assert_int_equal(value.experiment_id, scitags[i].experiment_id);
		assert_int_equal(value.activity_id, scitags[i].activity_id);
		assert_string_equal(value.experiment, scitags[i].experiment);
		assert_string_equal(value.activity, scitags[i].activity);
	}
}

static const struct {
	const char *text, *hint;
} refused_scitags[] = {
	{"", "empty"},
	{"/14", "experiment is empty"},
	{"cms/", "activity is empty"},
	{"512/1", "512 is not in 1..511"},
	{"0/1", "0 is not in 1..511"},
	{"3/64", "64 is not in 0..63"},
	{"0", "65..65535"},
	{"64", "65..65535"},
	/* Labels from the wire: cms/Analysis Input, and one inside the range of values. */
	{"196664", "3/14"},
	{"0x30038", "3/14"},
	{"32780", "4/3"},
	{"65535", "--label 65535"},
	{"1048575", "511/63"},
	{"1048576", "65..65535"},
	{"99999999999999999999", "65..65535"},
};

static void test_refused_scitags(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(refused_scitags); i++) {
		struct value_scitag value = {0};
		char reason[REASON_MAX] = "";

		assert_false(read_scitag(refused_scitags[i].text, &value, reason));
		if (!strstr(reason, refused_scitags[i].hint))
			fail_msg("'%s': %s", refused_scitags[i].text, reason);
		assert_false(value.given);
	}
}

static void test_long_names(void **state)
{
	struct value_scitag value = {0};
	char text[2 * SCITAG_NAME_MAX + 3];
	char reason[REASON_MAX];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[SCITAG_NAME_MAX] = '/';
	text[2 * SCITAG_NAME_MAX + 1] = '\0';
	assert_true(read_scitag(text, &value, reason));
	assert_int_equal(strlen(value.activity), SCITAG_NAME_MAX);
	text[2 * SCITAG_NAME_MAX + 1] = 'x';
	text[2 * SCITAG_NAME_MAX + 2] = '\0';
	assert_false(read_scitag(text, &value, reason));
	assert_non_null(strstr(reason, "longer than 127"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),	   cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_scitags),	   cmocka_unit_test(test_refused_scitags),
		cmocka_unit_test(test_long_names), cmocka_unit_test(test_ttl_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
