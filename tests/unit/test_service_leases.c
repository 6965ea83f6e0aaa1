/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GrantLease, RenewLease, RevokeLease and ListLeases, over an engine that only takes notes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "call_fixture.h"
#include "core/engine.h"
#include "now.h"
#include "service/handlers.h"

static struct engine_op seen;
static bool state_changed;

/* Ids 1..7; the odd ones are a's, the others b's. */
int engine_leases(struct engine *engine, uint64_t after,
		  int (*each)(const struct engine_lease *lease, void *user), void *user)
{
	(void)engine;
	for (uint64_t id = after + 1; id <= 7; id++) {
		struct engine_lease lease = {.id = id, .ttl = 60 * NANOSECONDS, .marks = id};
		int r;

		lease.owner[0] = id % 2 ? 'a' : 'b';
		r = each(&lease, user);
		if (r != 0)
			return r;
	}
	return 0;
}

void engine_state_id(struct engine *engine, uint8_t ret[static ENGINE_STATE_ID_SIZE])
{
	(void)engine;
	memset(ret, state_changed, ENGINE_STATE_ID_SIZE);
}

void engine_submit(struct engine *engine, struct engine_op *op)
{
	(void)engine;
	seen = *op;
	op->granted =
		(struct engine_lease){.id = 12,
				      .ttl = 90 * NANOSECONDS,
				      .deadline = now_on(CLOCK_BOOTTIME) + 90 * NANOSECONDS,
				      .owner = "a"};
	op->outcome = OUTCOME_REMOVED;
	op->removed = 1000;
	op->done(op);
}

static int reset(void **state)
{
	memset(&seen, 0, sizeof(seen));
	state_changed = false;
	return call_fixture_reset(state);
}

static void test_grant(void **state)
{
	Waymark__V1__GrantLeaseRequest request = WAYMARK__V1__GRANT_LEASE_REQUEST__INIT;
	Google__Protobuf__Duration ttl = GOOGLE__PROTOBUF__DURATION__INIT;
	Waymark__V1__GrantLeaseResponse *response;
	int64_t wall = now_on(CLOCK_REALTIME) / NANOSECONDS;

	handle_grant_lease(NULL, &request.base);
	call_fixture_refused(FAULT_INVALID_ARGUMENT, "MISSING_FIELD", "ttl");
	reset(state);
	request.ttl = &ttl;
	handle_grant_lease(NULL, &request.base);
	call_fixture_refused(FAULT_INVALID_ARGUMENT, "OUT_OF_RANGE", "ttl");
	reset(state);
	ttl.seconds = 90;
	handle_grant_lease(NULL, &request.base);
	assert_int_equal(seen.verb, ENGINE_GRANT);
	assert_int_equal(seen.ttl, 90 * NANOSECONDS);
	assert_int_equal(seen.lease_quota, SERVICE_LEASES_MAX);
	response = (void *)call_fixture_answer(&waymark__v1__grant_lease_response__descriptor);
	assert_int_equal(response->lease->lease_id, 12);
	assert_int_equal(response->lease->ttl->seconds, 90);
	assert_string_equal(response->lease->owner, "a");
	assert_in_range(response->lease->expire_time->seconds, wall + 90 - 60, wall + 90 + 60);
	waymark__v1__grant_lease_response__free_unpacked(response, NULL);
}

static void test_renew_and_revoke(void **state)
{
	Waymark__V1__RenewLeaseRequest renew = WAYMARK__V1__RENEW_LEASE_REQUEST__INIT;
	Waymark__V1__RevokeLeaseRequest revoke = WAYMARK__V1__REVOKE_LEASE_REQUEST__INIT;
	Waymark__V1__RevokeLeaseResponse *response;

	handle_renew_lease(NULL, &renew.base);
	call_fixture_refused(FAULT_INVALID_ARGUMENT, "MISSING_FIELD", "lease_id");
	reset(state);
	renew.lease_id = 12;
	handle_renew_lease(NULL, &renew.base);
	assert_int_equal(seen.verb, ENGINE_RENEW);
	assert_int_equal(seen.lease, 12);
	reset(state);
	handle_revoke_lease(NULL, &revoke.base);
	call_fixture_refused(FAULT_INVALID_ARGUMENT, "MISSING_FIELD", "lease_id");
	reset(state);
	revoke.lease_id = 12;
	handle_revoke_lease(NULL, &revoke.base);
	assert_int_equal(seen.verb, ENGINE_REVOKE);
	response = (void *)call_fixture_answer(&waymark__v1__revoke_lease_response__descriptor);
	assert_int_equal(response->outcome, WAYMARK__V1__OUTCOME__OUTCOME_REMOVED);
	assert_int_equal(response->removed, 1000);
	waymark__v1__revoke_lease_response__free_unpacked(response, NULL);
}

/* Ids of one page as text; the token goes on. */
static void list(const char *owner, char token[static 128], char ids[static 64])
{
	Waymark__V1__ListLeasesRequest request = WAYMARK__V1__LIST_LEASES_REQUEST__INIT;
	Waymark__V1__ListLeasesResponse *page;

	request.owner = (char *)owner;
	request.page_size = 3;
	request.page_token = token;
	handle_list_leases(NULL, &request.base);
	ids[0] = '\0';
	if (call_fixture.status.code)
		return;
	page = (void *)call_fixture_answer(&waymark__v1__list_leases_response__descriptor);
	for (size_t i = 0; i < page->n_leases; i++)
		snprintf(ids + strlen(ids), 8, "%d ", (int)page->leases[i]->lease_id);
	snprintf(token, 128, "%s", page->next_page_token);
	waymark__v1__list_leases_response__free_unpacked(page, NULL);
}

static void test_pages(void **state)
{
	char token[128] = "", ids[64];

	list("", token, ids);
	assert_string_equal(ids, "1 2 3 ");
	call_fixture_reset(state);
	list("", token, ids);
	assert_string_equal(ids, "4 5 6 ");
	call_fixture_reset(state);
	list("", token, ids);
	assert_string_equal(ids, "7 ");
	assert_string_equal(token, "");
}

/* A page that is full where the list ends is the last one. */
static void test_pages_of_an_owner(void **state)
{
	char token[128] = "", ids[64];

	list("b", token, ids);
	assert_string_equal(ids, "2 4 6 ");
	assert_string_equal(token, "");
	call_fixture_reset(state);
	list("a", token, ids);
	assert_string_equal(ids, "1 3 5 ");
	assert_string_not_equal(token, "");
	call_fixture_reset(state);
	list("a", token, ids);
	assert_string_equal(ids, "7 ");
}

static void test_token_of_another_list(void **state)
{
	Waymark__V1__ListMarksRequest marks = WAYMARK__V1__LIST_MARKS_REQUEST__INIT;
	char token[128] = "", ids[64];

	list("", token, ids);
	call_fixture_reset(state);
	list("a", token, ids);
	call_fixture_refused(FAULT_INVALID_ARGUMENT, "PAGE_TOKEN", "page_token");
	call_fixture_reset(state);
	marks.page_token = token;
	handle_list_marks(NULL, &marks.base);
	call_fixture_refused(FAULT_INVALID_ARGUMENT, "PAGE_TOKEN", "page_token");
	call_fixture_reset(state);
	state_changed = true;
	list("", token, ids);
	call_fixture_refused(FAULT_INVALID_ARGUMENT, "PAGE_TOKEN", "page_token");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_grant, reset),
		cmocka_unit_test_setup(test_renew_and_revoke, reset),
		cmocka_unit_test_setup(test_pages, reset),
		cmocka_unit_test_setup(test_pages_of_an_owner, reset),
		cmocka_unit_test_setup(test_token_of_another_list, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
