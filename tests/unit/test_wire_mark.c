/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The octets of marks that are written by hand, beside those that protobuf-c packs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "core/registry.h"
#include "draw.h"
#include "now.h"
#include "service/service.h"
#include "service/wire.h"

enum { ROUNDS = 100000, MARKS = 2 /* of ListMarksResponse */ };

static struct registry *registry;

/* A mark as messages, with everything that they point to. */
struct model {
	Waymark__V1__Mark mark;
	Waymark__V1__Match match;
	Waymark__V1__Scitag scitag;
	Waymark__V1__Counters counters;
	Google__Protobuf__Duration ttl;
	Google__Protobuf__Timestamp create_time, expire_time;
	char destination[MATCH_ADDRESS_TEXT_MAX], source[MATCH_ADDRESS_TEXT_MAX];
};

static char *name(const char *text)
{
	return (char *)(text ? text : "");
}

static void model_match(struct model *model, const struct match *match)
{
	waymark__v1__mark__init(&model->mark);
	waymark__v1__match__init(&model->match);
	match_destination_text(match, model->destination);
	match_source_text(match, model->source);
	model->match.destination = model->destination;
	model->match.source = model->source;
	model->match.protocol = (Waymark__V1__Protocol)match->protocol;
	model->match.source_port = match->source_port;
	model->match.destination_port = match->destination_port;
	model->mark.match = &model->match;
	model->mark.kind = (Waymark__V1__Kind)match->kind;
}

static void model_action(struct model *model, const struct mark_action *action)
{
	if (action->label == MARK_LABEL_RAW) {
		model->mark.label_case = WAYMARK__V1__MARK__LABEL_FLOW_LABEL;
		model->mark.flow_label = action->flow_label;
	}
	if (action->label == MARK_LABEL_SCITAG) {
		waymark__v1__scitag__init(&model->scitag);
		model->scitag.experiment_id = action->experiment;
		model->scitag.activity_id = action->activity;
		model->scitag.experiment =
			name(registry_experiment_name(registry, action->experiment));
		model->scitag.activity = name(
			registry_activity_name(registry, action->experiment, action->activity));
		model->mark.label_case = WAYMARK__V1__MARK__LABEL_SCITAG;
		model->mark.scitag = &model->scitag;
	}
	if (action->has_dscp) {
		model->mark.dscp_choice_case = WAYMARK__V1__MARK__DSCP_CHOICE_DSCP;
		model->mark.dscp = action->dscp;
	}
}

static void model_lifetime(struct model *model, const struct mark *mark)
{
	if (mark->lifetime == MARK_TTL) {
		wire_write_duration(&model->ttl, (int64_t)mark->ttl);
		model->mark.lifetime_case = WAYMARK__V1__MARK__LIFETIME_TTL;
		model->mark.ttl = &model->ttl;
	}
	if (mark->lifetime == MARK_LEASE) {
		model->mark.lifetime_case = WAYMARK__V1__MARK__LIFETIME_LEASE_ID;
		model->mark.lease_id = mark->lease;
	}
}

static void model_counters(struct model *model, struct traffic_count counters)
{
	wire_write_counters(&model->counters, counters);
	model->mark.counters = &model->counters;
}

static void model_mark(struct model *model, const struct mark *mark,
		       const struct wire_state *state)
{
	model_match(model, &mark->match);
	model_action(model, &mark->action);
	model_lifetime(model, mark);
	model->mark.cookie = (char *)mark->cookie;
	model->mark.owner = (char *)mark->owner;
	model->mark.revision = mark->revision;
	wire_write_time(&model->create_time, mark->create_time);
	model->mark.create_time = &model->create_time;
	if (state->expire_time) {
		wire_write_time(&model->expire_time, state->expire_time);
		model->mark.expire_time = &model->expire_time;
	}
	if (state->counters)
		model_counters(model, *state->counters);
}

static void expect_same(const uint8_t *octets, const uint8_t *end, Waymark__V1__Mark *mark)
{
	Waymark__V1__ListMarksResponse response = WAYMARK__V1__LIST_MARKS_RESPONSE__INIT;
	uint8_t packed[2 * SERVICE_MARK_OCTETS];

	response.n_marks = 1;
	response.marks = &mark;
	assert_int_equal(waymark__v1__list_marks_response__pack(&response, packed),
			 end - octets);
	assert_memory_equal(octets, packed, end - octets);
}

static void test_marks(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		const struct mark mark = draw_mark();
		const struct traffic_count counters = {draw_number(), draw_number()};
		const struct wire_state changing = {
			.counters = draw(2) ? &counters : NULL,
			.expire_time = draw(2) ? (int64_t)draw_number() : 0};
		uint8_t octets[WIRE_MARK_ROOM];
		struct model model;

		model_mark(&model, &mark, &changing);
		expect_same(octets, wire_put_mark(octets, MARKS, &mark, registry, &changing),
			    &model.mark);
	}
}

static void test_removals(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		const struct removal removal = draw_removal();
		uint8_t octets[WIRE_MARK_ROOM];
		struct model model;

		model_match(&model, &removal.match);
		model.mark.owner = (char *)removal.owner;
		model.mark.revision = removal.revision;
		model_counters(&model, removal.counters);
		expect_same(octets, wire_put_removal(octets, MARKS, &removal), &model.mark);
	}
}

/* Counters of nothing are there, and so is a label of 0. */
static void test_zeros(void **state)
{
	const struct mark mark = {
		.match = {.destination = {0x20, 1}, .kind = MARK_HOST, .prefix_length = 128},
		.action = {.label = MARK_LABEL_RAW, .has_dscp = true},
		.lifetime = MARK_LEASE};
	const struct traffic_count none = {0, 0};
	const struct wire_state changing = {.counters = &none};
	static const uint8_t expected[] = "\x12\x19"
					  "\x0A\x08\x0A\x06"
					  "2001::"
					  "\x10\x00\x20\x00\x30\x00"
					  "\x80\x01\x03"
					  "\x9A\x01\x00"
					  "\xAA\x01";
	uint8_t octets[WIRE_MARK_ROOM];

	(void)state;
	assert_int_equal(wire_put_mark(octets, MARKS, &mark, registry, &changing) - octets,
			 sizeof(expected));
	assert_memory_equal(octets, expected, sizeof(expected));
}

static int set_up(void **state)
{
	(void)state;
	return registry_builtin(&registry);
}

static int tear_down(void **state)
{
	(void)state;
	registry_free(registry);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_removals),
		cmocka_unit_test(test_zeros),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
