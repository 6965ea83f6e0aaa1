/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "clients/cli/json.h"
#include "google/protobuf/any.pb-c.h"
#include "google/rpc/error_details.pb-c.h"
#include "waymark/v1/marker.pb-c.h"

static void assert_json(const void *message, const char *expected)
{
	json_t *object = json_message(message);
	char *text = json_dumps(object, JSON_COMPACT);

	assert_string_equal(text, expected);
	free(text);
	json_decref(object);
}

static void test_defaults_are_left_out(void **state)
{
	Waymark__V1__Mark mark = WAYMARK__V1__MARK__INIT;
	Waymark__V1__Match match = WAYMARK__V1__MATCH__INIT;

	(void)state;
	assert_json(&mark, "{}");
	/* A message that is there is there, even if it is empty. */
	mark.match = &match;
	assert_json(&mark, "{\"match\":{}}");
}

static void test_members_of_a_oneof_are_kept(void **state)
{
	Waymark__V1__Mark mark = WAYMARK__V1__MARK__INIT;

	(void)state;
	mark.label_case = WAYMARK__V1__MARK__LABEL_FLOW_LABEL;
	mark.dscp_choice_case = WAYMARK__V1__MARK__DSCP_CHOICE_DSCP;
	assert_json(&mark, "{\"flowLabel\":0,\"dscp\":0}");
}

static void test_mark(void **state)
{
	Waymark__V1__Mark mark = WAYMARK__V1__MARK__INIT;
	Waymark__V1__Match match = WAYMARK__V1__MATCH__INIT;
	Waymark__V1__Scitag scitag = WAYMARK__V1__SCITAG__INIT;
	Waymark__V1__Counters counters = WAYMARK__V1__COUNTERS__INIT;
	Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;

	(void)state;
	match.destination = (char *)"2001:db8::2";
	match.protocol = WAYMARK__V1__PROTOCOL__PROTOCOL_UDP_LITE;
	match.destination_port = 443;
	scitag.experiment_id = 3;
	counters.packets = UINT64_MAX;
	time.seconds = 1738318830;
	time.nanos = 250000000;
	mark.match = &match;
	mark.label_case = WAYMARK__V1__MARK__LABEL_SCITAG;
	mark.scitag = &scitag;
	mark.cookie = (char *)"\"\x01\xFF";
	mark.kind = WAYMARK__V1__KIND__KIND_ENDPOINT;
	mark.revision = 7;
	mark.create_time = &time;
	mark.counters = &counters;
	assert_json(&mark,
		    "{\"match\":{\"destination\":\"2001:db8::2\",\"protocol\":"
		    "\"PROTOCOL_UDP_LITE\",\"destinationPort\":443},\"scitag\":{"
		    "\"experimentId\":3},\"cookie\":\"\\\"\\u0001\xEF\xBF\xBD\",\"kind\":"
		    "\"KIND_ENDPOINT\",\"revision\":\"7\",\"createTime\":"
		    "\"2025-01-31T10:20:30.250Z\",\"counters\":{\"packets\":"
		    "\"18446744073709551615\"}}");
}

static void test_unknown_enum_value(void **state)
{
	Waymark__V1__Mark mark = WAYMARK__V1__MARK__INIT;

	(void)state;
	mark.kind = (Waymark__V1__Kind)9;
	assert_json(&mark, "{\"kind\":9}");
}

static void test_repeated(void **state)
{
	Waymark__V1__SetMarkResponse response = WAYMARK__V1__SET_MARK_RESPONSE__INIT;
	Waymark__V1__MarkFilter filter = WAYMARK__V1__MARK_FILTER__INIT;
	char *warnings[] = {(char *)"one", (char *)""};
	Waymark__V1__Kind kinds[] = {WAYMARK__V1__KIND__KIND_HOST,
				     WAYMARK__V1__KIND__KIND_UNSPECIFIED};

	(void)state;
	response.n_warnings = 2;
	response.warnings = warnings;
	assert_json(&response, "{\"warnings\":[\"one\",\"\"]}");
	filter.n_kinds = 2;
	filter.kinds = kinds;
	assert_json(&filter, "{\"kinds\":[\"KIND_HOST\",\"KIND_UNSPECIFIED\"]}");
}

static void test_booleans(void **state)
{
	Waymark__V1__GetMarkRequest request = WAYMARK__V1__GET_MARK_REQUEST__INIT;

	(void)state;
	request.effective = 1;
	assert_json(&request, "{\"effective\":true}");
}

static void test_durations(void **state)
{
	Google__Rpc__RetryInfo info = GOOGLE__RPC__RETRY_INFO__INIT;
	Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;

	(void)state;
	info.retry_delay = &delay;
	delay.seconds = 1;
	delay.nanos = 500000000;
	assert_json(&info, "{\"retryDelay\":\"1.500s\"}");
}

static void test_bytes(void **state)
{
	static const char *const expected[] = {
		"{}",
		"{\"value\":\"/w==\"}",
		"{\"value\":\"/wA=\"}",
		"{\"value\":\"/wAB\"}",
		"{\"value\":\"/wAB+g==\"}",
	};
	uint8_t bytes[] = {0xFF, 0x00, 0x01, 0xFA};
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;

	(void)state;
	any.value.data = bytes;
	for (any.value.len = 0; any.value.len <= sizeof(bytes); any.value.len++)
		assert_json(&any, expected[any.value.len]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults_are_left_out),
		cmocka_unit_test(test_members_of_a_oneof_are_kept),
		cmocka_unit_test(test_mark),
		cmocka_unit_test(test_unknown_enum_value),
		cmocka_unit_test(test_repeated),
		cmocka_unit_test(test_booleans),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
