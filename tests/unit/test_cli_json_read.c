/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "clients/cleanup.h"
#include "clients/cli/json.h"
#include "clients/cli/json_read.h"
#include "waymark/v1/marker.pb-c.h"

static char reason[REASON_MAX];

static ProtobufCMessage *read_text(const char *text, const ProtobufCMessageDescriptor *type)
{
	json_t *object = json_loads(text, JSON_DECODE_ANY, NULL);
	ProtobufCMessage *message;

	assert_non_null(object);
	message = json_read(type, object, reason);
	json_decref(object);
	return message;
}

static const struct {
	const char *text;
	const char *written; /* as json_message() has it; NULL: the same */
} marks[] = {
	{"{}", NULL},
	{"{\"match\":{\"destination\":\"2001:db8::1\",\"source\":\"::1\",\"protocol\":"
	 "\"PROTOCOL_UDP_LITE\",\"sourcePort\":1,\"destinationPort\":65535},\"flowLabel\":0,"
	 "\"dscp\":0,\"leaseId\":\"18446744073709551615\",\"cookie\":\"a€\"}",
	 NULL},
	{"{\"scitag\":{\"experimentId\":3,\"activityId\":14,\"experiment\":\"cms\","
	 "\"activity\":"
	 "\"Analysis Input\"},\"ttl\":\"1.500s\"}",
	 NULL},
	/* As people write it. */
	{"{\"scitag\":\"cms/14\",\"ttl\":\"1h30m\",\"match\":{\"protocol\":\"tcp\"}}",
	 "{\"match\":{\"protocol\":\"PROTOCOL_TCP\"},\"scitag\":{\"activityId\":14,"
	 "\"experiment\":\"cms\"},\"ttl\":\"5400s\"}"},
	{"{\"flow_label\":5,\"lease_id\":7,\"match\":{\"destination_port\":9,\"protocol\":6}}",
	 "{\"match\":{\"protocol\":\"PROTOCOL_TCP\",\"destinationPort\":9},\"flowLabel\":5,"
	 "\"leaseId\":\"7\"}"},
	{"{\"cookie\":null,\"dscp\":null}", "{}"},
	/* Output only. */
	{"{\"dscp\":1,\"kind\":\"KIND_HOST\",\"owner\":7,\"revision\":\"x\",\"createTime\":1,"
	 "\"expireTime\":\"never\",\"counters\":{\"packets\":\"1\"}}",
	 "{\"dscp\":1}"},
};

static void test_marks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		cleanup(free_message) ProtobufCMessage *mark =
			read_text(marks[i].text, &waymark__v1__mark__descriptor);
		json_t *object;
		char *text;

		assert_non_null(mark);
		object = json_message(mark);
		text = json_dumps(object, JSON_COMPACT);
		assert_string_equal(text, marks[i].written ? marks[i].written : marks[i].text);
		free(text);
		json_decref(object);
	}
}

static const struct {
	const char *text;
	const char *reason;
} wrong[] = {
	{"5", "5: not an object"},
	{"{\"set\":{\"match\":{\"destination\":5}}}", "set.match.destination 5: not a text"},
	{"{\"set\":{\"match\":[]}}", "set.match []: not an object"},
	{"{\"set\":{\"frob\":\"x\"}}", "set.frob \"x\": Mark has no such field"},
	{"{\"set\":{\"dscp\":-1}}", "set.dscp -1: not a number in 0..4294967295"},
	{"{\"set\":{\"dscp\":4294967296}}",
	 "set.dscp 4294967296: not a number in 0..4294967295"},
	{"{\"set\":{\"dscp\":1.0}}", "set.dscp 1.0: not a number in 0..4294967295"},
	{"{\"set\":{\"leaseId\":\"18446744073709551616\"}}",
	 "set.leaseId \"18446744073709551616\": not a number in 0..18446744073709551615"},
	{"{\"set\":{\"ttl\":\"1.s\"}}", "set.ttl \"1.s\": not a text such as \"1.500s\""},
	{"{\"set\":{\"ttl\":3600}}", "set.ttl 3600: not a text such as \"3600s\""},
	{"{\"set\":{\"ttl\":\"1s\",\"leaseId\":1}}", "set.leaseId: excludes ttl"},
	{"{\"set\":{\"scitag\":\"512/1\"}}",
	 "set.scitag \"512/1\": experiment 512 is not in 1..511"},
	{"{\"set\":{\"match\":{\"protocol\":\"icmp\"}}}",
	 "set.match.protocol \"icmp\": not a value of Protocol, such as "
	 "\"PROTOCOL_UDP_LITE\""},
	{"{\"precondition\":{\"mustNotExist\":1}}",
	 "precondition.mustNotExist 1: not true or false"},
};

static void test_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_null(read_text(wrong[i].text, &waymark__v1__mark_update__descriptor));
		assert_string_equal(reason, wrong[i].reason);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
