/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine over a datapath without a kernel and a store without a disk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/engine.h"
#include "core/match.h"
#include "fake_datapath.h"
#include "fake_store.h"

struct fixture {
	struct datapath datapath;
	struct store *store;
	struct engine *engine;
	int64_t audit_interval; /* of the next start() */
	uint64_t repairs;
	sem_t repaired;
};

static void count_repairs(uint64_t repairs, void *user)
{
	struct fixture *fixture = user;

	fixture->repairs += repairs;
	sem_post(&fixture->repaired);
}

static struct engine_restored start(struct fixture *fixture)
{
	const struct engine_options options = {.datapath = &fixture->datapath,
					       .store = fixture->store,
					       .boot_id = "this boot",
					       .audit_interval = fixture->audit_interval,
					       .repaired = count_repairs,
					       .user = fixture};
	struct engine_restored restored;

	assert_int_equal(engine_new(&options, &fixture->engine, &restored), 0);
	return restored;
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->datapath.capacity = FAKE_SLOTS - 1;
	fixture->store = fake_store_new();
	start(fixture);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	engine_free(fixture->engine);
	fake_store_free(fixture->store);
	free(fixture);
	return 0;
}

/* ---- one operation and its end ---- */

struct waiting_op {
	struct engine_op op; /* first */
	sem_t done;
};

static void post(struct engine_op *op)
{
	sem_post(&((struct waiting_op *)op)->done);
}

static struct match match_of(const char *destination)
{
	struct match match;
	struct fault fault;

	assert_int_equal(
		match_parse(&(struct match_text){.destination = destination}, &match, &fault),
		0);
	return match;
}

static struct engine_op operation(enum engine_verb verb, const char *destination,
				  const char *owner, uint32_t label)
{
	struct engine_op op = {.verb = verb, .done = post};

	op.mark.match = match_of(destination);
	op.mark.action.label = MARK_LABEL_RAW;
	op.mark.action.flow_label = label;
	snprintf(op.mark.owner, sizeof(op.mark.owner), "%s", owner);
	return op;
}

static struct engine_op run_op(struct fixture *fixture, struct engine_op op)
{
	struct waiting_op waiting = {.op = op};

	sem_init(&waiting.done, 0, 0);
	engine_submit(fixture->engine, &waiting.op);
	while (sem_wait(&waiting.done) < 0)
		;
	sem_destroy(&waiting.done);
	return waiting.op;
}

static struct engine_op set(struct fixture *fixture, const char *destination, uint32_t label)
{
	return run_op(fixture, operation(ENGINE_SET, destination, "me", label));
}

static struct engine_op clear(struct fixture *fixture, const char *destination)
{
	return run_op(fixture, operation(ENGINE_CLEAR, destination, "me", 0));
}

/* ---- cases ---- */

static void test_create(void **state)
{
	struct fixture *fixture = *state;
	struct match match = match_of("2001:db8::1");
	struct engine_op op = set(fixture, "2001:db8::1", 5);
	struct engine_mark mark;

	assert_int_equal(op.outcome, OUTCOME_CREATED);
	assert_int_equal(op.revision, 1);
	assert_int_equal(op.mark.revision, 1);
	assert_true(op.mark.create_time > 0);
	assert_int_equal(fake_find(&fixture->datapath, &match)->action.flow_label, 5);
	assert_int_equal(engine_get(fixture->engine, &match, &mark), 0);
	assert_string_equal(mark.mark.owner, "me");
	assert_int_equal(engine_owner_marks(fixture->engine, "me"), 1);
}

static void test_equal_set_changes_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct engine_op first = set(fixture, "2001:db8::1", 5);
	unsigned int changes = fixture->datapath.n_changes;
	struct engine_op op = set(fixture, "2001:db8::1", 5);

	assert_int_equal(op.outcome, OUTCOME_UNCHANGED);
	assert_int_equal(op.revision, first.revision);
	assert_int_equal(op.mark.revision, first.revision);
	assert_int_equal(op.mark.create_time, first.mark.create_time);
	assert_int_equal(fixture->datapath.n_changes, changes);
}

static void test_update_keeps_slot_counters_and_creation(void **state)
{
	struct fixture *fixture = *state;
	struct match match = match_of("2001:db8::1");
	struct engine_op first = set(fixture, "2001:db8::1", 5);
	struct fake_slot *slot = fake_find(&fixture->datapath, &match);
	struct engine_op op;

	slot->counters = (struct traffic_count){7, 700};
	op = set(fixture, "2001:db8::1", 6);
	assert_int_equal(op.outcome, OUTCOME_UPDATED);
	assert_int_equal(op.revision, 2);
	assert_int_equal(op.counters.packets, 7);
	assert_int_equal(op.mark.create_time, first.mark.create_time);
	assert_ptr_equal(fake_find(&fixture->datapath, &match), slot);
	assert_int_equal(slot->action.flow_label, 6);
}

static void test_cookie_alone_leaves_the_kernel_alone(void **state)
{
	struct fixture *fixture = *state;
	struct engine_op op = operation(ENGINE_SET, "2001:db8::1", "me", 5);
	unsigned int changes;

	set(fixture, "2001:db8::1", 5);
	changes = fixture->datapath.n_changes;
	memcpy(op.mark.cookie, "note", 5);
	op = run_op(fixture, op);
	assert_int_equal(op.outcome, OUTCOME_UPDATED);
	assert_int_equal(op.revision, 2);
	assert_int_equal(fixture->datapath.n_changes, changes);
}

static void test_clear_answers_final_counters(void **state)
{
	struct fixture *fixture = *state;
	struct match match = match_of("2001:db8::1");
	struct engine_mark mark;
	struct engine_op op;

	set(fixture, "2001:db8::1", 5);
	fake_find(&fixture->datapath, &match)->counters = (struct traffic_count){3, 300};
	op = clear(fixture, "2001:db8::1");
	assert_int_equal(op.outcome, OUTCOME_REMOVED);
	assert_int_equal(op.revision, 2);
	assert_int_equal(op.counters.bytes, 300);
	assert_int_equal(op.mark.action.flow_label, 5);
	assert_null(fake_find(&fixture->datapath, &match));
	assert_int_equal(engine_get(fixture->engine, &match, &mark), -ENOENT);
	assert_int_equal(engine_owner_marks(fixture->engine, "me"), 0);
}

static void test_clear_is_idempotent(void **state)
{
	struct fixture *fixture = *state;
	struct engine_op op = clear(fixture, "2001:db8::1");

	assert_int_equal(op.outcome, OUTCOME_ABSENT);
	assert_int_equal(op.revision, 0);
	set(fixture, "2001:db8::2", 1);
	assert_int_equal(clear(fixture, "2001:db8::1").revision, 1);
}

static void test_foreign_owner_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct engine_op op;

	set(fixture, "2001:db8::1", 5);
	op = run_op(fixture, operation(ENGINE_SET, "2001:db8::1", "you", 5));
	assert_int_equal(op.outcome, OUTCOME_NONE);
	assert_int_equal(op.fault.code, FAULT_PERMISSION_DENIED);
	assert_string_equal(op.fault.reason, FAULT_REASON_NOT_OWNER);
	assert_string_equal(op.conflict.owner, "me");
	assert_int_equal(op.conflict.revision, 1);
	op = run_op(fixture, operation(ENGINE_CLEAR, "2001:db8::1", "you", 0));
	assert_string_equal(op.fault.reason, FAULT_REASON_NOT_OWNER);
	assert_int_equal(engine_revision(fixture->engine), 1);
}

static void test_full_table_costs_that_mark_only(void **state)
{
	struct fixture *fixture = *state;
	struct engine_op op;

	fixture->datapath.capacity = 1;
	set(fixture, "2001:db8::1", 1);
	op = set(fixture, "2001:db8::2", 2);
	assert_int_equal(op.fault.code, FAULT_RESOURCE_EXHAUSTED);
	assert_string_equal(op.fault.reason, FAULT_REASON_TABLE_FULL);
	assert_string_equal(op.fault.message,
			    "no room in the table of marks: 1 of 1 are taken");
	assert_string_equal(op.fault.subject, "marks");
	assert_int_equal(engine_revision(fixture->engine), 1);
	assert_int_equal(set(fixture, "2001:db8::1", 3).outcome, OUTCOME_UPDATED);
	clear(fixture, "2001:db8::1");
	assert_int_equal(set(fixture, "2001:db8::2", 2).outcome, OUTCOME_CREATED);
}

static void test_kernel_error_changes_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct engine_op op;

	fixture->datapath.error = -EPERM;
	op = set(fixture, "2001:db8::1", 1);
	assert_int_equal(op.fault.code, FAULT_INTERNAL);
	assert_int_equal(engine_revision(fixture->engine), 0);
}

/* api.md 19: the maps are put back, and nothing is answered that is not kept. */
static void test_failed_commit_is_rolled_back(void **state)
{
	struct fixture *fixture = *state;
	struct match kept = match_of("2001:db8::1"), new = match_of("2001:db8::2");
	struct engine_mark mark;
	struct engine_op op;

	set(fixture, "2001:db8::1", 5);
	fake_find(&fixture->datapath, &kept)->counters = (struct traffic_count){3, 300};
	fixture->store->commit_error = -ENOSPC;
	op = set(fixture, "2001:db8::2", 6);
	assert_int_equal(op.fault.code, FAULT_UNAVAILABLE);
	assert_string_equal(op.fault.reason, FAULT_REASON_STORE);
	assert_null(fake_find(&fixture->datapath, &new));
	assert_int_equal(set(fixture, "2001:db8::1", 7).fault.code, FAULT_UNAVAILABLE);
	assert_int_equal(fake_find(&fixture->datapath, &kept)->action.flow_label, 5);
	assert_int_equal(clear(fixture, "2001:db8::1").fault.code, FAULT_UNAVAILABLE);
	assert_int_equal(fake_find(&fixture->datapath, &kept)->counters.bytes, 300);

	fixture->store->commit_error = 0;
	assert_int_equal(engine_get(fixture->engine, &kept, &mark), 0);
	assert_int_equal(mark.counters.bytes, 300);
	assert_int_equal(set(fixture, "2001:db8::1", 7).revision, 2);
}

static bool not_wanted(struct engine_op *op)
{
	(void)op;
	return false;
}

static void test_cancelled_before_its_turn(void **state)
{
	struct fixture *fixture = *state;
	struct engine_op op = operation(ENGINE_SET, "2001:db8::1", "me", 5);

	op.wanted = not_wanted;
	op = run_op(fixture, op);
	assert_int_equal(op.outcome, OUTCOME_NONE);
	assert_int_equal(op.fault.code, FAULT_NONE);
	assert_int_equal(engine_revision(fixture->engine), 0);
}

static void test_effective(void **state)
{
	struct fixture *fixture = *state;
	struct match host = match_of("2001:db8::1"), other = match_of("2001:db9::1");
	struct engine_mark mark;

	set(fixture, "::/0", 1);
	set(fixture, "2001:db8::/32", 2);
	assert_int_equal(engine_effective(fixture->engine, &host, &mark), 0);
	assert_int_equal(mark.mark.action.flow_label, 2);
	set(fixture, "2001:db8::1", 3);
	assert_int_equal(engine_effective(fixture->engine, &host, &mark), 0);
	assert_int_equal(mark.mark.action.flow_label, 3);
	assert_int_equal(engine_effective(fixture->engine, &other, &mark), 0);
	assert_int_equal(mark.mark.action.flow_label, 1);
	clear(fixture, "::/0");
	assert_int_equal(engine_effective(fixture->engine, &other, &mark), -ENOENT);
}

static void test_effective_by_ports(void **state)
{
	struct fixture *fixture = *state;
	struct match_text text = {.destination = "2001:db8::1",
				  .source = "2001:db8::2",
				  .protocol = 6,
				  .source_port = 1,
				  .destination_port = 2};
	struct engine_op op = operation(ENGINE_SET, "2001:db8::1", "me", 9);
	struct engine_mark mark;
	struct match flow;

	assert_int_equal(match_parse(&text, &flow, NULL), 0);
	text.source = NULL;
	text.source_port = 0;
	assert_int_equal(match_parse(&text, &op.mark.match, NULL), 0);
	run_op(fixture, op);
	assert_int_equal(engine_effective(fixture->engine, &flow, &mark), 0);
	assert_int_equal(mark.mark.match.kind, MARK_ENDPOINT);
	flow.destination_port = 3;
	assert_int_equal(engine_effective(fixture->engine, &flow, &mark), -ENOENT);
}

/* Eight threads set and clear; afterwards index, store and datapath agree. */
enum { THREADS = 8, ROUNDS = 500 };

struct worker {
	struct fixture *fixture;
	unsigned int number;
	pthread_t thread;
};

static void *work(void *argument)
{
	struct worker *worker = argument;
	char destination[32];

	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct engine_op op;

		snprintf(destination, sizeof(destination), "2001:db8::%x", 1 + i % 4);
		op = set(worker->fixture, destination, worker->number);
		assert_int_not_equal(op.outcome, OUTCOME_NONE);
		if (i % 7 == worker->number % 7)
			clear(worker->fixture, destination);
	}
	return NULL;
}

struct tally {
	struct fixture *fixture;
	unsigned int marks;
};

static int check_programmed(const struct mark *mark, void *user)
{
	struct tally *tally = user;
	struct fake_slot *slot = fake_find(&tally->fixture->datapath, &mark->match);
	struct engine_mark found;

	assert_non_null(slot);
	assert_int_equal(slot->action.flow_label, mark->action.flow_label);
	assert_int_equal(engine_get(tally->fixture->engine, &mark->match, &found), 0);
	assert_int_equal(found.mark.revision, mark->revision);
	tally->marks++;
	return 0;
}

static void test_many_callers(void **state)
{
	struct fixture *fixture = *state;
	struct tally tally = {.fixture = fixture};
	struct worker workers[THREADS];

	for (unsigned int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.fixture = fixture, .number = i};
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	engine_scan(fixture->engine, 0, check_programmed, &tally);
	assert_int_equal(tally.marks, fake_slots_used(&fixture->datapath));
	assert_int_equal(engine_owner_marks(fixture->engine, "me"), tally.marks);
}

/* ---- lifetimes ---- */

#define MS UINT64_C(1000000)
#define HOUR (3600 * 1000 * MS)

static struct engine_op with_ttl(struct engine_op op, uint64_t ttl)
{
	op.mark.lifetime = MARK_TTL;
	op.mark.ttl = ttl;
	return op;
}

static struct engine_op set_ttl(struct fixture *fixture, const char *destination, uint64_t ttl)
{
	return run_op(fixture, with_ttl(operation(ENGINE_SET, destination, "me", 5), ttl));
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_BOOTTIME, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static struct fake_lease *lease_of(struct fixture *fixture, const char *destination)
{
	struct match match = match_of(destination);

	return &fixture->datapath.leases[fake_find(&fixture->datapath, &match)->lease];
}

static void test_ttl_gives_a_deadline(void **state)
{
	struct fixture *fixture = *state;
	int64_t before = now();
	struct engine_op op = set_ttl(fixture, "2001:db8::1", HOUR);
	struct engine_mark mark;

	assert_int_equal(op.outcome, OUTCOME_CREATED);
	assert_true(op.deadline >= before + (int64_t)HOUR);
	assert_true(op.deadline <= now() + (int64_t)HOUR);
	assert_int_equal(lease_of(fixture, "2001:db8::1")->deadline, op.deadline);
	assert_int_equal(engine_get(fixture->engine, &op.mark.match, &mark), 0);
	assert_int_equal(mark.deadline, op.deadline);
	assert_int_equal(mark.mark.ttl, HOUR);
}

/* api.md 22: the same again renews; durable, but no revision. */
static void test_equal_set_renews(void **state)
{
	struct fixture *fixture = *state;
	struct engine_op first = set_ttl(fixture, "2001:db8::1", HOUR);
	struct engine_op op = set_ttl(fixture, "2001:db8::1", HOUR);

	assert_int_equal(op.outcome, OUTCOME_UNCHANGED);
	assert_int_equal(op.revision, first.revision);
	assert_true(op.deadline > first.deadline);
	assert_int_equal(lease_of(fixture, "2001:db8::1")->deadline, op.deadline);
	assert_int_equal(fake_leases_used(&fixture->datapath), 1);
}

static void test_lifetime_changes(void **state)
{
	struct fixture *fixture = *state;
	struct engine_op op;

	set_ttl(fixture, "2001:db8::1", HOUR);
	op = set_ttl(fixture, "2001:db8::1", 2 * HOUR);
	assert_int_equal(op.outcome, OUTCOME_UPDATED);
	assert_int_equal(fake_leases_used(&fixture->datapath), 1);
	op = set(fixture, "2001:db8::1", 5);
	assert_int_equal(op.outcome, OUTCOME_UPDATED);
	assert_int_equal(op.deadline, 0);
	assert_int_equal(fake_leases_used(&fixture->datapath), 0);
	op = set_ttl(fixture, "2001:db8::1", HOUR);
	assert_int_equal(op.outcome, OUTCOME_UPDATED);
	assert_int_equal(lease_of(fixture, "2001:db8::1")->deadline, op.deadline);
	clear(fixture, "2001:db8::1");
	assert_int_equal(fake_leases_used(&fixture->datapath), 0);
}

/* Waits until the writer has removed what is over: it takes a revision. */
static void wait_for_revision(struct fixture *fixture, uint64_t revision)
{
	while (engine_revision(fixture->engine) < revision)
		sched_yield();
}

static void test_expiry_removes(void **state)
{
	struct fixture *fixture = *state;
	struct engine_mark mark;
	struct engine_op op;
	int64_t after;

	set_ttl(fixture, "2001:db8::2", HOUR);
	op = set_ttl(fixture, "2001:db8::1", 20 * MS);
	wait_for_revision(fixture, 3);
	after = now() - op.deadline;
	assert_true(after >= 0);
	assert_true(after < (int64_t)(1000 * MS));
	assert_int_equal(engine_get(fixture->engine, &op.mark.match, &mark), -ENOENT);
	assert_int_equal(fake_slots_used(&fixture->datapath), 1);
	assert_int_equal(fake_leases_used(&fixture->datapath), 1);
}

/* api.md 23: a passed deadline never revives. */
static void test_dead_mark_is_created_anew(void **state)
{
	struct fixture *fixture = *state;
	struct engine_op op = set_ttl(fixture, "2001:db8::1", MS);

	fake_find(&fixture->datapath, &op.mark.match)->counters.packets = 9;
	while (now() <= op.deadline)
		sched_yield();
	op = set_ttl(fixture, "2001:db8::1", HOUR);
	assert_int_equal(op.outcome, OUTCOME_CREATED);
	assert_int_equal(op.counters.packets, 0);
	assert_int_equal(op.revision, 3);
}

static void test_failed_commit_takes_lifetimes_back(void **state)
{
	struct fixture *fixture = *state;
	struct engine_op first = set_ttl(fixture, "2001:db8::1", HOUR);

	fixture->store->commit_error = -EIO;
	assert_int_equal(set_ttl(fixture, "2001:db8::1", HOUR).fault.code, FAULT_UNAVAILABLE);
	assert_int_equal(lease_of(fixture, "2001:db8::1")->deadline, first.deadline);
	assert_int_equal(set_ttl(fixture, "2001:db8::2", HOUR).fault.code, FAULT_UNAVAILABLE);
	assert_int_equal(fake_leases_used(&fixture->datapath), 1);
	assert_int_equal(set(fixture, "2001:db8::1", 5).fault.code, FAULT_UNAVAILABLE);
	assert_int_equal(lease_of(fixture, "2001:db8::1")->deadline, first.deadline);
	fixture->store->commit_error = 0;
	assert_int_equal(set_ttl(fixture, "2001:db8::1", HOUR).outcome, OUTCOME_UNCHANGED);
}

/* A store that fails keeps the dead mark; nobody waits for it, and later all is well. */
static void test_dead_mark_and_failing_store(void **state)
{
	struct fixture *fixture = *state;
	struct engine_op op;

	fixture->store->commit_error = -EIO;
	assert_int_equal(set_ttl(fixture, "2001:db8::1", MS).fault.code, FAULT_UNAVAILABLE);
	fixture->store->commit_error = 0;
	op = set_ttl(fixture, "2001:db8::1", 50 * MS);
	fixture->store->commit_error = -EIO;
	while (now() <= op.deadline)
		sched_yield();
	assert_int_equal(set(fixture, "2001:db8::1", 6).fault.code, FAULT_UNAVAILABLE);
	assert_int_equal(clear(fixture, "2001:db8::1").fault.code, FAULT_UNAVAILABLE);
	fixture->store->commit_error = 0;
	assert_int_equal(set(fixture, "2001:db8::1", 6).outcome, OUTCOME_CREATED);
}

/* ---- restart and audit ---- */

/* The maps are what outlives the agent. */
static void stop(struct fixture *fixture)
{
	engine_free(fixture->engine);
	for (size_t i = 1; i < FAKE_SLOTS; i++)
		fixture->datapath.slots[i].pinned = fixture->datapath.slots[i].used;
	memset(fixture->datapath.leases, 0, sizeof(fixture->datapath.leases));
}

static struct engine_restored restart(struct fixture *fixture)
{
	stop(fixture);
	return start(fixture);
}

static void test_restart_adopts(void **state)
{
	struct fixture *fixture = *state;
	struct engine_restored restored;
	struct engine_op op, other;
	struct engine_mark mark;

	set(fixture, "2001:db8::3", 3);
	set(fixture, "2001:db8::1", 1);
	clear(fixture, "2001:db8::3");
	op = set_ttl(fixture, "2001:db8::2", HOUR);
	other = set(fixture, "2001:db8::1", 2);
	fake_find(&fixture->datapath, &op.mark.match)->counters.packets = 9;
	restored = restart(fixture);
	assert_int_equal(restored.marks, 2);
	assert_int_equal(restored.adopted, 2);
	assert_int_equal(restored.stray, 0);
	assert_int_equal(engine_get(fixture->engine, &op.mark.match, &mark), 0);
	assert_int_equal(mark.counters.packets, 9);
	assert_int_equal(mark.deadline, op.deadline);
	assert_int_equal(lease_of(fixture, "2001:db8::2")->deadline, op.deadline);
	assert_int_equal(engine_get(fixture->engine, &other.mark.match, &mark), 0);
	assert_int_equal(mark.mark.action.flow_label, 2);
	assert_int_equal(set(fixture, "2001:db8::1", 2).outcome, OUTCOME_UNCHANGED);
	assert_int_equal(set(fixture, "2001:db8::4", 2).revision, 6);
}

static void test_restart_puts_both_sides_right(void **state)
{
	struct fixture *fixture = *state;
	struct match lost = match_of("2001:db8::1"), stray = match_of("2001:db8::9");
	struct engine_restored restored;

	set(fixture, "2001:db8::1", 1);
	set(fixture, "2001:db8::2", 2);
	fake_find(&fixture->datapath, &lost)->match = stray;
	restored = restart(fixture);
	assert_int_equal(restored.marks, 2);
	assert_int_equal(restored.adopted, 1);
	assert_int_equal(restored.stray, 1);
	assert_null(fake_find(&fixture->datapath, &stray));
	assert_int_equal(fake_find(&fixture->datapath, &lost)->action.flow_label, 1);
}

static void test_restart_after_the_deadline(void **state)
{
	struct fixture *fixture = *state;
	struct engine_op op = set_ttl(fixture, "2001:db8::1", 100 * MS);

	stop(fixture);
	while (now() <= op.deadline)
		sched_yield();
	start(fixture);
	wait_for_revision(fixture, 2);
	assert_int_equal(fake_slots_used(&fixture->datapath), 0);
}

static void test_audit_repairs(void **state)
{
	struct fixture *fixture = *state;
	struct match match = match_of("2001:db8::1"), stray = match_of("2001:db8::9");

	sem_init(&fixture->repaired, 0, 0);
	fixture->audit_interval = (int64_t)(5 * MS);
	set(fixture, "2001:db8::1", 1);
	restart(fixture);
	/* One store each; the writer may come in between, so it is two rounds perhaps. */
	fixture->datapath.slots[FAKE_SLOTS - 1].match = stray;
	__atomic_store_n(&fixture->datapath.slots[FAKE_SLOTS - 1].used, true, __ATOMIC_SEQ_CST);
	__atomic_store_n(&fake_find(&fixture->datapath, &match)->action.flow_label, 7,
			 __ATOMIC_SEQ_CST);
	while (engine_repairs(fixture->engine) < 2)
		assert_int_equal(sem_wait(&fixture->repaired), 0);
	assert_int_equal(fake_find(&fixture->datapath, &match)->action.flow_label, 1);
	assert_null(fake_find(&fixture->datapath, &stray));
	assert_int_equal(engine_repairs(fixture->engine), 2);
	assert_int_equal(fixture->repairs, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_create),
		TEST(test_equal_set_changes_nothing),
		TEST(test_update_keeps_slot_counters_and_creation),
		TEST(test_cookie_alone_leaves_the_kernel_alone),
		TEST(test_clear_answers_final_counters),
		TEST(test_clear_is_idempotent),
		TEST(test_foreign_owner_is_refused),
		TEST(test_full_table_costs_that_mark_only),
		TEST(test_kernel_error_changes_nothing),
		TEST(test_failed_commit_is_rolled_back),
		TEST(test_cancelled_before_its_turn),
		TEST(test_effective),
		TEST(test_effective_by_ports),
		TEST(test_many_callers),
		TEST(test_ttl_gives_a_deadline),
		TEST(test_equal_set_renews),
		TEST(test_lifetime_changes),
		TEST(test_expiry_removes),
		TEST(test_dead_mark_is_created_anew),
		TEST(test_failed_commit_takes_lifetimes_back),
		TEST(test_dead_mark_and_failing_store),
		TEST(test_restart_adopts),
		TEST(test_restart_puts_both_sides_right),
		TEST(test_restart_after_the_deadline),
		TEST(test_audit_repairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
