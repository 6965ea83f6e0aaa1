/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "engine_fixture.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/match.h"

/* ---- life ---- */

static void count_repairs(uint64_t repairs, void *user)
{
	struct fixture *fixture = user;

	fixture->repairs += repairs;
	sem_post(&fixture->repaired);
}

static void note_store(int error, void *user)
{
	struct fixture *fixture = user;

	__atomic_store_n(&fixture->store_error, error, __ATOMIC_SEQ_CST);
}

struct engine_restored start(struct fixture *fixture)
{
	struct engine_options options = {.datapath = &fixture->datapath,
					 .store = fixture->store,
					 .audit_interval = fixture->audit_interval,
					 .repaired = count_repairs,
					 .store_failed = note_store,
					 .user = fixture};
	struct engine_restored restored;

	memcpy(options.boot_id, fixture->boot_id, sizeof(options.boot_id));
	assert_int_equal(engine_new(&options, &fixture->engine), 0);
	assert_int_equal(engine_start(fixture->engine, &restored), 0);
	return restored;
}

int fixture_set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->datapath.capacity = FAKE_SLOTS - 1;
	fixture->store = fake_store_new();
	fixture->boot_id = "this boot's name";
	sem_init(&fixture->repaired, 0, 0);
	start(fixture);
	*state = fixture;
	return 0;
}

int fixture_tear_down(void **state)
{
	struct fixture *fixture = *state;

	engine_free(fixture->engine);
	fake_store_free(fixture->store);
	free(fixture);
	return 0;
}

void stop(struct fixture *fixture)
{
	engine_free(fixture->engine);
	for (size_t i = 1; i < FAKE_SLOTS; i++)
		fixture->datapath.slots[i].pinned = fixture->datapath.slots[i].used;
	memset(fixture->datapath.leases, 0, sizeof(fixture->datapath.leases));
}

struct engine_restored restart(struct fixture *fixture)
{
	stop(fixture);
	return start(fixture);
}

/* ---- operations ---- */

struct waiting_op {
	struct engine_op op; /* first */
	sem_t done;
};

static void post(struct engine_op *op)
{
	sem_post(&((struct waiting_op *)op)->done);
}

void run_op(struct fixture *fixture, struct engine_op *op)
{
	struct waiting_op waiting = {.op = *op};

	waiting.op.done = post;
	sem_init(&waiting.done, 0, 0);
	engine_submit(fixture->engine, &waiting.op);
	while (sem_wait(&waiting.done) < 0)
		;
	sem_destroy(&waiting.done);
	*op = waiting.op;
}

struct match match_of(const char *destination)
{
	struct match match;
	struct fault fault;

	assert_int_equal(
		match_parse(&(struct match_text){.destination = destination}, &match, &fault),
		0);
	return match;
}

struct engine_update update_of(enum update_verb verb, const char *destination, uint32_t label)
{
	return (struct engine_update){
		.verb = (uint8_t)verb,
		.match = match_of(destination),
		.action = {.label = MARK_LABEL_RAW, .flow_label = label},
		.cookie = "",
	};
}

struct request request_of(enum update_verb verb, const char *destination, const char *owner,
			  uint32_t label)
{
	return (struct request){.op = {.verb = ENGINE_APPLY,
				       .owner = owner,
				       .n_updates = 1,
				       .all_or_nothing = true},
				.update = update_of(verb, destination, label)};
}

struct request with_ttl(struct request request, uint64_t ttl)
{
	request.update.lifetime = MARK_TTL;
	request.update.ttl = ttl;
	return request;
}

struct result run_request(struct fixture *fixture, struct request request)
{
	struct result result;

	request.op.updates = &request.update;
	request.op.there = &result.there;
	run_op(fixture, &request.op);
	result.outcome = request.update.outcome;
	result.revision = request.op.revision;
	result.fault = request.op.fault;
	result.cancelled = request.op.cancelled;
	engine_op_done(&request.op);
	result.update = request.update;
	return result;
}

struct result set(struct fixture *fixture, const char *destination, uint32_t label)
{
	return run_request(fixture, request_of(UPDATE_SET, destination, "me", label));
}

struct result set_ttl(struct fixture *fixture, const char *destination, uint64_t ttl)
{
	return run_request(fixture,
			   with_ttl(request_of(UPDATE_SET, destination, "me", 5), ttl));
}

struct result clear(struct fixture *fixture, const char *destination)
{
	return run_request(fixture, request_of(UPDATE_CLEAR, destination, "me", 0));
}

uint64_t grant(struct fixture *fixture, uint64_t ttl)
{
	struct engine_op op = {.verb = ENGINE_GRANT, .owner = "me", .ttl = ttl};

	run_op(fixture, &op);
	assert_int_equal(op.fault.code, FAULT_NONE);
	return op.granted.id;
}

/* ---- looking ---- */

int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_BOOTTIME, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

struct fake_lease *lease_of(struct fixture *fixture, const char *destination)
{
	struct match match = match_of(destination);

	return &fixture->datapath.leases[fake_find(&fixture->datapath, &match)->lease];
}

uint32_t programmed(struct fixture *fixture, const char *destination)
{
	struct match match = match_of(destination);
	struct fake_slot *slot = fake_find(&fixture->datapath, &match);

	return slot ? slot->action.flow_label : UINT32_MAX;
}

void wait_for_revision(struct fixture *fixture, uint64_t revision)
{
	while (engine_revision(fixture->engine) < revision)
		sched_yield();
}
