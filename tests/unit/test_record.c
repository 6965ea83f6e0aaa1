/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <waymark/store/v1/store.pb-c.h>

#include "draw.h"
#include "same_mark.h"
#include "store/record.h"

/* ---- there and back ---- */

enum { RANDOM_ROUNDS = 50000 };

static void test_marks_come_back(void **state)
{
	(void)state;
	for (int i = 0; i < RANDOM_ROUNDS; i++) {
		struct mark mark = draw_mark();
		uint64_t supersedes = mark.revision - 1 - draw(2);
		uint8_t bytes[RECORD_SIZE_MAX];
		size_t size = record_write_mark(&mark, supersedes, bytes);
		struct record record;

		assert_in_range(size, 1, RECORD_SIZE_MAX);
		assert_int_equal(record_read(mark.revision, bytes, size, &record), 0);
		assert_false(record.is_removal);
		assert_int_equal(record.supersedes, supersedes);
		expect_same_mark(&record.mark, &mark);
	}
}

static void test_removals_come_back(void **state)
{
	(void)state;
	for (int i = 0; i < RANDOM_ROUNDS; i++) {
		struct removal removal = draw_removal();
		uint8_t bytes[RECORD_SIZE_MAX];
		size_t size = record_write_removal(&removal, removal.revision - 1, bytes);
		struct record record;

		assert_in_range(size, 1, RECORD_SIZE_MAX);
		assert_int_equal(record_read(removal.revision, bytes, size, &record), 0);
		assert_true(record.is_removal);
		assert_int_equal(record.supersedes, removal.revision - 1);
		expect_same_removal(&record.removal, &removal);
	}
}

/* ---- as protobuf-c writes them ---- */

struct match_message {
	Waymark__V1__Match base;
	char destination[64], source[64];
};

static void write_address(char *text, const uint8_t address[16])
{
	for (int i = 0; i < 16; i += 2)
		text += sprintf(text, "%s%x", i ? ":" : "", address[i] << 8 | address[i + 1]);
}

static Waymark__V1__Match *message_of(struct match_message *message, const struct match *match)
{
	waymark__v1__match__init(&message->base);
	write_address(message->destination, match->destination);
	if (match->kind == MARK_NETWORK)
		sprintf(message->destination + strlen(message->destination), "/%u",
			match->prefix_length);
	message->base.destination = message->destination;
	if (match->kind == MARK_FLOW) {
		write_address(message->source, match->source);
		message->base.source = message->source;
	}
	message->base.protocol = (Waymark__V1__Protocol)match->protocol;
	message->base.source_port = match->source_port;
	message->base.destination_port = match->destination_port;
	return &message->base;
}

static void add_action(Waymark__V1__Mark *message, Waymark__V1__Scitag *scitag,
		       const struct mark_action *action)
{
	if (action->label == MARK_LABEL_RAW) {
		message->label_case = WAYMARK__V1__MARK__LABEL_FLOW_LABEL;
		message->flow_label = action->flow_label;
	}
	if (action->label == MARK_LABEL_SCITAG) {
		waymark__v1__scitag__init(scitag);
		scitag->experiment_id = action->experiment;
		scitag->activity_id = action->activity;
		message->label_case = WAYMARK__V1__MARK__LABEL_SCITAG;
		message->scitag = scitag;
	}
	if (action->has_dscp) {
		message->dscp_choice_case = WAYMARK__V1__MARK__DSCP_CHOICE_DSCP;
		message->dscp = action->dscp;
	}
}

static size_t pack_mark(const struct mark *mark, uint64_t supersedes, uint8_t *ret)
{
	Waymark__Store__V1__Record record = WAYMARK__STORE__V1__RECORD__INIT;
	Waymark__V1__Mark message = WAYMARK__V1__MARK__INIT;
	Google__Protobuf__Timestamp create_time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	Waymark__V1__Scitag scitag;
	struct match_message match;

	create_time.seconds = mark->create_time / 1000000000;
	create_time.nanos = (int32_t)(mark->create_time % 1000000000);
	message.match = message_of(&match, &mark->match);
	add_action(&message, &scitag, &mark->action);
	message.cookie = (char *)mark->cookie;
	message.owner = (char *)mark->owner;
	message.revision = mark->revision;
	message.create_time = &create_time;
	record.supersedes = supersedes;
	record.change_case = WAYMARK__STORE__V1__RECORD__CHANGE_MARK;
	record.mark = &message;
	record.lease_id = mark->lease;
	record.ttl_ns = mark->ttl;
	return waymark__store__v1__record__pack(&record, ret);
}

static size_t pack_removal(const struct removal *removal, uint64_t supersedes, uint8_t *ret)
{
	Waymark__Store__V1__Record record = WAYMARK__STORE__V1__RECORD__INIT;
	Waymark__Store__V1__Tombstone tombstone = WAYMARK__STORE__V1__TOMBSTONE__INIT;
	Waymark__V1__Counters counters = WAYMARK__V1__COUNTERS__INIT;
	struct match_message match;

	counters.packets = removal->counters.packets;
	counters.bytes = removal->counters.bytes;
	tombstone.match = message_of(&match, &removal->match);
	tombstone.owner = (char *)removal->owner;
	tombstone.reason = (Waymark__Store__V1__RemovalReason)removal->reason;
	tombstone.counters = &counters;
	record.supersedes = supersedes;
	record.change_case = WAYMARK__STORE__V1__RECORD__CHANGE_TOMBSTONE;
	record.tombstone = &tombstone;
	return waymark__store__v1__record__pack(&record, ret);
}

static void test_every_octet_is_as_protobuf_c_writes_it(void **state)
{
	uint8_t bytes[RECORD_SIZE_MAX], wanted[RECORD_SIZE_MAX];

	(void)state;
	for (int i = 0; i < RANDOM_ROUNDS; i++) {
		const struct mark mark = draw_mark();
		const struct removal removal = draw_removal();
		const uint64_t supersedes = draw(2) ? draw_number() : 0;
		size_t size = record_write_mark(&mark, supersedes, bytes);

		assert_int_equal(size, pack_mark(&mark, supersedes, wanted));
		assert_memory_equal(bytes, wanted, size);
		size = record_write_removal(&removal, supersedes, bytes);
		assert_int_equal(size, pack_removal(&removal, supersedes, wanted));
		assert_memory_equal(bytes, wanted, size);
	}
}

static void test_largest_fits(void **state)
{
	struct mark mark = draw_mark();
	uint8_t bytes[RECORD_SIZE_MAX];

	(void)state;
	memset(mark.match.destination, 0xFF, sizeof(mark.match.destination));
	memset(mark.match.source, 0xFE, sizeof(mark.match.source));
	mark.match.kind = MARK_FLOW;
	memset(mark.cookie, 'c', MARK_COOKIE_MAX);
	memset(mark.owner, 'o', MARK_OWNER_MAX);
	mark.lifetime = MARK_TTL;
	mark.lease = mark.ttl = mark.revision = UINT64_MAX;
	mark.create_time = INT64_MIN;
	assert_in_range(record_write_mark(&mark, UINT64_MAX - 1, bytes), 1, RECORD_SIZE_MAX);
}

/* ---- what is no record ---- */

static void test_any_octets_are_survived(void **state)
{
	uint8_t bytes[300];
	struct record record;
	int refused = 0;

	(void)state;
	for (int i = 0; i < RANDOM_ROUNDS; i++) {
		size_t size = draw(sizeof(bytes));

		for (size_t j = 0; j < size; j++)
			bytes[j] = (uint8_t)draw(256);
		refused += record_read(7, bytes, size, &record) == -EBADMSG;
	}
	assert_int_equal(refused, RANDOM_ROUNDS);
}

/* Cut anywhere, a record is refused; with one octet changed it is refused or still a record. */
static void test_damaged_records(void **state)
{
	(void)state;
	for (int i = 0; i < 500; i++) {
		struct mark mark = draw_mark();
		uint8_t bytes[RECORD_SIZE_MAX];
		size_t size = record_write_mark(&mark, 1, bytes);
		struct record record;

		for (size_t cut = 0; cut < size; cut++) {
			int r = record_read(mark.revision, bytes, cut, &record);

			/* The lifetime is behind the mark: without it, it is for ever. */
			if (r == 0)
				assert_true(mark.lifetime != MARK_FOREVER);
			else
				assert_int_equal(r, -EBADMSG);
		}
		for (size_t place = 0; place < size; place++) {
			uint8_t octet = bytes[place];
			int r;

			bytes[place] ^= (uint8_t)(1 << draw(8));
			r = record_read(mark.revision, bytes, size, &record);
			assert_true(r == 0 || r == -EBADMSG);
			bytes[place] = octet;
		}
	}
}

static void test_wrong_revision(void **state)
{
	struct mark mark = draw_mark();
	uint8_t bytes[RECORD_SIZE_MAX];
	size_t size = record_write_mark(&mark, 1, bytes);
	struct record record;

	(void)state;
	assert_int_equal(record_read(mark.revision + 1, bytes, size, &record), -EBADMSG);
	size = record_write_mark(&mark, mark.revision, bytes);
	assert_int_equal(record_read(mark.revision, bytes, size, &record), -EBADMSG);
}

/* A whole record in messages, each of whose values a case makes impossible. */
struct messages {
	Waymark__Store__V1__Record record;
	Waymark__V1__Mark mark;
	Waymark__V1__Match match;
	Waymark__V1__Scitag scitag;
	Google__Protobuf__Timestamp create_time;
};

static void init_messages(struct messages *messages)
{
	waymark__store__v1__record__init(&messages->record);
	waymark__v1__mark__init(&messages->mark);
	waymark__v1__match__init(&messages->match);
	waymark__v1__scitag__init(&messages->scitag);
	google__protobuf__timestamp__init(&messages->create_time);
	messages->match.destination = (char *)"2001:db8::1";
	messages->mark.match = &messages->match;
	messages->scitag.experiment_id = 1;
	messages->mark.label_case = WAYMARK__V1__MARK__LABEL_SCITAG;
	messages->mark.scitag = &messages->scitag;
	messages->mark.revision = 7;
	messages->mark.create_time = &messages->create_time;
	messages->record.change_case = WAYMARK__STORE__V1__RECORD__CHANGE_MARK;
	messages->record.mark = &messages->mark;
}

static int read_messages(const struct messages *messages)
{
	uint8_t bytes[2048];
	size_t size = waymark__store__v1__record__pack(&messages->record, bytes);
	struct record record;

	return record_read(7, bytes, size, &record);
}

typedef void spoil(struct messages *m);

static void expect_refused(spoil *make_wrong)
{
	struct messages messages;

	init_messages(&messages);
	assert_int_equal(read_messages(&messages), 0);
	make_wrong(&messages);
	assert_int_equal(read_messages(&messages), -EBADMSG);
}

#define SPOIL(name, change)                  \
	static void name(struct messages *m) \
	{                                    \
		change;                      \
	}

static char too_long[MARK_OWNER_MAX + 2];

SPOIL(no_match, m->mark.match = NULL)
SPOIL(bad_destination, m->match.destination = (char *)"10.0.0.1")
SPOIL(half_an_endpoint, m->match.protocol = WAYMARK__V1__PROTOCOL__PROTOCOL_TCP)
SPOIL(experiment_512, m->scitag.experiment_id = 512)
SPOIL(experiment_0, m->scitag.experiment_id = 0)
SPOIL(activity_64, m->scitag.activity_id = 64)
SPOIL(nothing_to_write, m->mark.label_case = WAYMARK__V1__MARK__LABEL__NOT_SET)
SPOIL(label_of_21_bits, m->mark.label_case = WAYMARK__V1__MARK__LABEL_FLOW_LABEL;
      m->mark.flow_label = 0x100000)
SPOIL(dscp_64, m->mark.dscp_choice_case = WAYMARK__V1__MARK__DSCP_CHOICE_DSCP;
      m->mark.dscp = 64)
SPOIL(long_owner, m->mark.owner = too_long)
SPOIL(long_cookie, m->mark.cookie = too_long)
SPOIL(no_time, m->mark.create_time = NULL)
SPOIL(late_time, m->create_time.seconds = INT64_MAX)
SPOIL(whole_second, m->create_time.nanos = 1000000000)
SPOIL(ttl_without_lease, m->record.ttl_ns = 1)
SPOIL(no_change, m->record.change_case = WAYMARK__STORE__V1__RECORD__CHANGE__NOT_SET)

static void test_impossible_values(void **state)
{
	static spoil *const spoils[] = {
		no_match,     bad_destination, half_an_endpoint,  experiment_512,
		experiment_0, activity_64,     nothing_to_write,  label_of_21_bits,
		dscp_64,      long_owner,      long_cookie,	  no_time,
		late_time,    whole_second,    ttl_without_lease, no_change,
	};

	(void)state;
	memset(too_long, 'x', sizeof(too_long) - 1);
	for (size_t i = 0; i < sizeof(spoils) / sizeof(spoils[0]); i++)
		expect_refused(spoils[i]);
}

/* A newer version may know more: fields 90 of the record and of the mark are passed over, be
 * they as large as they may. */
static void test_unknown_fields(void **state)
{
	static uint8_t text[5000];
	ProtobufCMessageUnknownField unknown = {.tag = 90,
						.wire_type =
							PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
						.len = sizeof(text),
						.data = text};
	static uint8_t bytes[20000];
	struct messages messages;
	struct record record;
	size_t size;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[0] = ((sizeof(text) - 2) & 0x7F) | 0x80;
	text[1] = (sizeof(text) - 2) >> 7;
	init_messages(&messages);
	messages.record.base.unknown_fields = messages.mark.base.unknown_fields = &unknown;
	messages.record.base.n_unknown_fields = messages.mark.base.n_unknown_fields = 1;
	size = waymark__store__v1__record__pack(&messages.record, bytes);
	assert_true(size > 2 * sizeof(text));
	assert_int_equal(record_read(7, bytes, size, &record), 0);
	assert_int_equal(record.mark.action.experiment, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marks_come_back),
		cmocka_unit_test(test_removals_come_back),
		cmocka_unit_test(test_every_octet_is_as_protobuf_c_writes_it),
		cmocka_unit_test(test_largest_fits),
		cmocka_unit_test(test_any_octets_are_survived),
		cmocka_unit_test(test_damaged_records),
		cmocka_unit_test(test_wrong_revision),
		cmocka_unit_test(test_impossible_values),
		cmocka_unit_test(test_unknown_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
