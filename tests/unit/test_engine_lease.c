/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases that marks share: api.md 23 to 26.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "engine_fixture.h"

static struct result set_on(struct fixture *fixture, const char *destination, uint64_t lease)
{
	struct request request = request_of(UPDATE_SET, destination, "me", 1);

	request.update.lifetime = MARK_LEASE;
	request.update.lease = lease;
	return run_request(fixture, request);
}

static struct engine_op lease_op(struct fixture *fixture, enum engine_verb verb,
				 const char *owner, uint64_t lease)
{
	struct engine_op op = {.verb = verb, .owner = owner, .lease = lease};

	run_op(fixture, &op);
	return op;
}

static void test_grant_set_renew(void **state)
{
	struct fixture *fixture = *state;
	uint64_t id = grant(fixture, HOUR);
	struct result result = set_on(fixture, "2001:db8::1", id);
	struct engine_op op;

	assert_int_equal(id, 1);
	assert_int_equal(result.outcome, OUTCOME_CREATED);
	assert_int_equal(result.update.lease, id);
	assert_true(result.update.deadline > now());
	assert_int_equal(set_on(fixture, "2001:db8::2", id).outcome, OUTCOME_CREATED);
	assert_int_equal(fake_leases_used(&fixture->datapath), 1);
	op = lease_op(fixture, ENGINE_RENEW, "me", id);
	assert_int_equal(op.granted.marks, 2);
	assert_true(op.granted.deadline > result.update.deadline);
	assert_int_equal(lease_of(fixture, "2001:db8::1")->deadline, op.granted.deadline);
	assert_int_equal(set_on(fixture, "2001:db8::1", id).outcome, OUTCOME_UNCHANGED);
	assert_int_equal(engine_owner(fixture->engine, "me").leases, 1);
	assert_int_equal(engine_revision(fixture->engine), 2);
}

static void test_revoke(void **state)
{
	struct fixture *fixture = *state;
	uint64_t id = grant(fixture, HOUR);
	struct engine_op op;

	set_on(fixture, "2001:db8::1", id);
	set_on(fixture, "2001:db8::2", id);
	set(fixture, "2001:db8::3", 3);
	op = lease_op(fixture, ENGINE_REVOKE, "me", id);
	assert_int_equal(op.outcome, OUTCOME_REMOVED);
	assert_int_equal(op.removed, 2);
	assert_int_equal(op.revision, 5);
	assert_int_equal(fixture->store->records[5].removal.reason, REMOVAL_REVOKED);
	assert_int_equal(fake_slots_used(&fixture->datapath), 1);
	assert_int_equal(fake_leases_used(&fixture->datapath), 0);
	assert_int_equal(engine_owner(fixture->engine, "me").leases, 0);
	assert_int_equal(lease_op(fixture, ENGINE_REVOKE, "me", id).outcome, OUTCOME_ABSENT);
	assert_string_equal(set_on(fixture, "2001:db8::1", id).fault.reason,
			    FAULT_REASON_LEASE);
}

static void test_revoke_takes_all_or_none(void **state)
{
	struct fixture *fixture = *state;
	uint64_t id = grant(fixture, HOUR);
	struct engine_op op;

	set_on(fixture, "2001:db8::1", id);
	set_on(fixture, "2001:db8::2", id);
	fixture->datapath.successes = 1;
	fixture->datapath.error = -EPERM;
	fixture->datapath.errors = 1;
	op = lease_op(fixture, ENGINE_REVOKE, "me", id);
	assert_int_equal(op.fault.code, FAULT_INTERNAL);
	assert_int_equal(programmed(fixture, "2001:db8::1"), 1);
	assert_int_equal(programmed(fixture, "2001:db8::2"), 1);
	assert_int_equal(engine_owner(fixture->engine, "me").marks, 2);
	assert_int_equal(engine_owner(fixture->engine, "me").leases, 1);
	assert_int_equal(lease_op(fixture, ENGINE_REVOKE, "me", id).removed, 2);
}

static void test_foreign_leases(void **state)
{
	struct fixture *fixture = *state;
	uint64_t id = grant(fixture, HOUR);
	struct request request = request_of(UPDATE_SET, "2001:db8::1", "you", 1);
	struct engine_op op = {
		.verb = ENGINE_RENEW, .owner = "root", .lease = id, .is_admin = true};

	request.update.lifetime = MARK_LEASE;
	request.update.lease = id;
	assert_string_equal(run_request(fixture, request).fault.reason, FAULT_REASON_NOT_OWNER);
	assert_string_equal(lease_op(fixture, ENGINE_RENEW, "you", id).fault.reason,
			    FAULT_REASON_NOT_OWNER);
	assert_string_equal(lease_op(fixture, ENGINE_REVOKE, "you", id).fault.reason,
			    FAULT_REASON_NOT_OWNER);
	run_op(fixture, &op);
	assert_int_equal(op.fault.code, FAULT_NONE);
	assert_string_equal(op.granted.owner, "me");
}

static void test_moves_between_lifetimes(void **state)
{
	struct fixture *fixture = *state;
	uint64_t id = grant(fixture, HOUR);

	set_ttl(fixture, "2001:db8::1", HOUR);
	assert_int_equal(fake_leases_used(&fixture->datapath), 2);
	assert_int_equal(set_on(fixture, "2001:db8::1", id).outcome, OUTCOME_UPDATED);
	assert_int_equal(fake_leases_used(&fixture->datapath), 1);
	assert_int_equal(set_ttl(fixture, "2001:db8::1", HOUR).outcome, OUTCOME_UPDATED);
	assert_int_equal(set(fixture, "2001:db8::1", 1).outcome, OUTCOME_UPDATED);
	assert_int_equal(lease_op(fixture, ENGINE_REVOKE, "me", id).removed, 0);
	assert_int_equal(fake_leases_used(&fixture->datapath), 0);
	assert_int_equal(programmed(fixture, "2001:db8::1"), 1);
}

static void test_lease_quota(void **state)
{
	struct fixture *fixture = *state;
	struct engine_op op = {
		.verb = ENGINE_GRANT, .owner = "me", .ttl = HOUR, .lease_quota = 1};

	grant(fixture, HOUR);
	run_op(fixture, &op);
	assert_string_equal(op.fault.reason, FAULT_REASON_QUOTA);
	assert_int_equal(fake_leases_used(&fixture->datapath), 1);
}

static void test_failed_commit_takes_leases_back(void **state)
{
	struct fixture *fixture = *state;
	uint64_t id = grant(fixture, HOUR);
	struct engine_op op = {.verb = ENGINE_GRANT, .owner = "me", .ttl = HOUR};
	int64_t deadline;

	set_on(fixture, "2001:db8::1", id);
	deadline = lease_of(fixture, "2001:db8::1")->deadline;
	fixture->store->commit_error = -EIO;
	run_op(fixture, &op);
	assert_int_equal(op.fault.code, FAULT_UNAVAILABLE);
	assert_int_equal(lease_op(fixture, ENGINE_RENEW, "me", id).fault.code,
			 FAULT_UNAVAILABLE);
	assert_int_equal(lease_op(fixture, ENGINE_REVOKE, "me", id).fault.code,
			 FAULT_UNAVAILABLE);
	assert_int_equal(lease_of(fixture, "2001:db8::1")->deadline, deadline);
	assert_int_equal(fake_leases_used(&fixture->datapath), 1);
	fixture->store->commit_error = 0;
	assert_int_equal(lease_op(fixture, ENGINE_REVOKE, "me", id).removed, 1);
}

static void test_expiry_ends_lease_and_marks(void **state)
{
	struct fixture *fixture = *state;
	uint64_t id = grant(fixture, 20 * MS);

	set_on(fixture, "2001:db8::1", id);
	set_on(fixture, "2001:db8::2", id);
	wait_for_revision(fixture, 4);
	while (engine_owner(fixture->engine, "me").leases > 0)
		sched_yield();
	assert_int_equal(fixture->store->records[3].removal.reason, REMOVAL_EXPIRED);
	assert_int_equal(fake_slots_used(&fixture->datapath), 0);
	assert_int_equal(fake_leases_used(&fixture->datapath), 0);
	assert_int_equal(lease_op(fixture, ENGINE_RENEW, "me", id).fault.code, FAULT_NOT_FOUND);
	assert_true(grant(fixture, HOUR) > id);
}

static int count_lease(const struct engine_lease *lease, void *user)
{
	assert_true(lease->id > 0);
	++*(unsigned int *)user;
	return 0;
}

static void test_leases_survive_a_restart(void **state)
{
	struct fixture *fixture = *state;
	uint64_t first = grant(fixture, HOUR), second = grant(fixture, HOUR);
	unsigned int n = 0;

	set_on(fixture, "2001:db8::1", second);
	restart(fixture);
	assert_int_equal(engine_leases(fixture->engine, 0, count_lease, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(engine_leases(fixture->engine, first, count_lease, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(lease_op(fixture, ENGINE_REVOKE, "me", second).removed, 1);
	assert_true(grant(fixture, HOUR) > second);
}

/* api.md 24: what counts on the wall clock does so for one start only. */
static void test_reboot(void **state)
{
	struct fixture *fixture = *state;
	uint64_t id = grant(fixture, HOUR);
	int64_t deadline;

	set_on(fixture, "2001:db8::1", id);
	fixture->boot_id = "another boot now";
	restart(fixture);
	deadline = lease_of(fixture, "2001:db8::1")->deadline;
	assert_true(deadline > now());
	/* The wall clock says something else now. */
	for (size_t i = 0; i < FAKE_STORE_LEASES; i++)
		fixture->store->committed.leases[i].wall = 1;
	restart(fixture);
	assert_int_equal(lease_of(fixture, "2001:db8::1")->deadline, deadline);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_grant_set_renew),
		TEST(test_revoke),
		TEST(test_revoke_takes_all_or_none),
		TEST(test_foreign_leases),
		TEST(test_moves_between_lifetimes),
		TEST(test_lease_quota),
		TEST(test_failed_commit_takes_leases_back),
		TEST(test_expiry_ends_lease_and_marks),
		TEST(test_leases_survive_a_restart),
		TEST(test_reboot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
