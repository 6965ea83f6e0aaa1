/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_answers.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli_harness.h"
#include "clients/cleanup.h"
#include "waymark/client.h"

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
	size_t length = strlen(script.log);
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(script.log + length, sizeof(script.log) - length, format, arguments);
	va_end(arguments);
}

static void note_options(const Waymark__V1__WriteOptions *options)
{
	if (options)
		note(" for %s id %d%s", options->owner, (int)options->election_id,
		     options->validate_only ? " dry" : "");
}

/* There is no room for 2001:db8::f. */
static void update_result(const Waymark__V1__MarkUpdate *update,
			  Waymark__V1__UpdateResult *made, Waymark__V1__UpdateError *error)
{
	const bool is_set = update->update_case == WAYMARK__V1__MARK_UPDATE__UPDATE_SET;
	const Waymark__V1__Match *match = is_set ? update->set->match : update->clear;

	waymark__v1__update_result__init(made);
	waymark__v1__update_error__init(error);
	made->outcome = is_set ? WAYMARK__V1__OUTCOME__OUTCOME_CREATED
			       : WAYMARK__V1__OUTCOME__OUTCOME_ABSENT;
	if (strcmp(match->destination, "2001:db8::f") != 0)
		return;
	made->outcome = WAYMARK__V1__OUTCOME__OUTCOME_UNSPECIFIED;
	error->code = WAYMARK_RESOURCE_EXHAUSTED;
	error->reason = (char *)"TABLE_FULL";
	error->field = (char *)"set.match";
	error->message = (char *)"no room";
	made->error = error;
}

static void answer_apply(const uint8_t *request, size_t length, struct fake_answer *answer)
{
	cleanup(free_message) Waymark__V1__ApplyMarksRequest *apply =
		waymark__v1__apply_marks_request__unpack(NULL, length, request);
	Waymark__V1__ApplyMarksResponse response = WAYMARK__V1__APPLY_MARKS_RESPONSE__INIT;
	Waymark__V1__UpdateResult results[3], *pointers[3];
	Waymark__V1__UpdateError errors[3];

	note("apply %zu%s%s", apply->n_updates,
	     apply->atomicity == WAYMARK__V1__ATOMICITY__ATOMICITY_ALL_OR_NOTHING ? " all" : "",
	     apply->only_failures ? " failures" : "");
	note_options(apply->options);
	note(";");
	response.results = pointers;
	for (uint32_t i = 0; i < apply->n_updates; i++) {
		Waymark__V1__UpdateResult *made = &results[response.n_results];

		update_result(apply->updates[i], made, &errors[response.n_results]);
		made->index = i;
		response.failed += made->error != NULL;
		if (!apply->only_failures || made->error)
			pointers[response.n_results++] = made;
	}
	fake_answer_message(answer, &response.base);
}

static void answer_replaced(struct fake_answer *answer)
{
	Waymark__V1__ReplaceMarksResponse response = WAYMARK__V1__REPLACE_MARKS_RESPONSE__INIT;
	Waymark__V1__UpdateResult made = WAYMARK__V1__UPDATE_RESULT__INIT,
				  *failures[] = {&made};
	Waymark__V1__UpdateError error = WAYMARK__V1__UPDATE_ERROR__INIT;

	error.code = WAYMARK_PERMISSION_DENIED;
	error.reason = (char *)"NOT_OWNER";
	error.message = (char *)"another's";
	made.index = 1;
	made.error = &error;
	response.created = 1;
	response.removed = 7;
	response.failed = script.with_mark;
	response.n_failures = script.with_mark;
	response.failures = failures;
	fake_answer_message(answer, &response.base);
}

static void answer_replace(const uint8_t *request, size_t length, struct fake_answer *answer)
{
	cleanup(free_message) Waymark__V1__ReplaceMarksRequest *replace =
		request ? waymark__v1__replace_marks_request__unpack(NULL, length, request)
			: NULL;

	answer->read_on = replace != NULL;
	if (!replace) {
		answer_replaced(answer);
	} else if (replace->step_case == WAYMARK__V1__REPLACE_MARKS_REQUEST__STEP_BEGIN) {
		note("begin%s%s since %d",
		     replace->begin->atomicity ==
				     WAYMARK__V1__ATOMICITY__ATOMICITY_ALL_OR_NOTHING
			     ? " all"
			     : "",
		     replace->begin->allow_empty ? " empty" : "",
		     (int)replace->begin->if_owner_revision);
		note_options(replace->begin->options);
		note(";");
	} else if (replace->step_case == WAYMARK__V1__REPLACE_MARKS_REQUEST__STEP_CHUNK) {
		note("chunk %zu;", replace->chunk->n_marks);
	} else {
		note("commit %d;", (int)replace->commit->mark_count);
	}
}

/* Created, one put and one removal, synced. */
static void answer_watch(Waymark__V1__Mark *mark, struct fake_answer *answer)
{
	Waymark__V1__ResponseHeader header = WAYMARK__V1__RESPONSE_HEADER__INIT;
	Waymark__V1__WatchMarksResponse message = WAYMARK__V1__WATCH_MARKS_RESPONSE__INIT;
	Waymark__V1__WatchCreated created = WAYMARK__V1__WATCH_CREATED__INIT;
	Waymark__V1__WatchSynced synced = WAYMARK__V1__WATCH_SYNCED__INIT;
	Waymark__V1__MarkEvent put = WAYMARK__V1__MARK_EVENT__INIT, removed = put;
	Waymark__V1__MarkEvent *list[] = {&put, &removed};
	Waymark__V1__MarkEvents events = WAYMARK__V1__MARK_EVENTS__INIT;

	header.state_id = (char *)"s";
	header.revision = 6;
	message.header = &header;
	message.content_case = WAYMARK__V1__WATCH_MARKS_RESPONSE__CONTENT_CREATED;
	message.created = &created;
	fake_answer_message(answer, &message.base);
	put.type = WAYMARK__V1__MARK_EVENT__TYPE__TYPE_PUT;
	put.mark = mark;
	removed.type = WAYMARK__V1__MARK_EVENT__TYPE__TYPE_REMOVED;
	removed.mark = mark;
	removed.reason = WAYMARK__V1__REMOVAL_REASON__REMOVAL_REASON_EXPIRED;
	events.n_events = 2;
	events.events = list;
	message.content_case = WAYMARK__V1__WATCH_MARKS_RESPONSE__CONTENT_EVENTS;
	message.events = &events;
	fake_answer_message(answer, &message.base);
	message.content_case = WAYMARK__V1__WATCH_MARKS_RESPONSE__CONTENT_SYNCED;
	message.synced = &synced;
	fake_answer_message(answer, &message.base);
}

static void lease_init(Waymark__V1__Lease *lease, Google__Protobuf__Duration *ttl)
{
	waymark__v1__lease__init(lease);
	google__protobuf__duration__init(ttl);
	ttl->seconds = 3600;
	lease->lease_id = UINT64_MAX;
	lease->ttl = ttl;
	lease->owner = (char *)"rucio";
	lease->mark_count = 4;
}

static void answer_grant(const uint8_t *request, size_t length, struct fake_answer *answer)
{
	cleanup(free_message) Waymark__V1__GrantLeaseRequest *grant =
		waymark__v1__grant_lease_request__unpack(NULL, length, request);
	Waymark__V1__GrantLeaseResponse response = WAYMARK__V1__GRANT_LEASE_RESPONSE__INIT;
	Google__Protobuf__Duration ttl;
	Waymark__V1__Lease lease;

	note("grant %d", (int)grant->ttl->seconds);
	note_options(grant->options);
	lease_init(&lease, &ttl);
	response.lease = &lease;
	fake_answer_message(answer, &response.base);
}

static void answer_renew(const uint8_t *request, size_t length, struct fake_answer *answer)
{
	cleanup(free_message) Waymark__V1__RenewLeaseRequest *renew =
		waymark__v1__renew_lease_request__unpack(NULL, length, request);
	Waymark__V1__RenewLeaseResponse response = WAYMARK__V1__RENEW_LEASE_RESPONSE__INIT;
	Google__Protobuf__Duration ttl;
	Waymark__V1__Lease lease;

	note("renew %llu", (unsigned long long)renew->lease_id);
	lease_init(&lease, &ttl);
	response.lease = &lease;
	fake_answer_message(answer, &response.base);
}

static void answer_revoke(const uint8_t *request, size_t length, struct fake_answer *answer)
{
	cleanup(free_message) Waymark__V1__RevokeLeaseRequest *revoke =
		waymark__v1__revoke_lease_request__unpack(NULL, length, request);
	Waymark__V1__RevokeLeaseResponse response = WAYMARK__V1__REVOKE_LEASE_RESPONSE__INIT;

	note("revoke %llu", (unsigned long long)revoke->lease_id);
	response.outcome = WAYMARK__V1__OUTCOME__OUTCOME_REMOVED;
	response.removed = 4;
	fake_answer_message(answer, &response.base);
}

/* Two pages of one lease each. */
static void answer_leases(const uint8_t *request, size_t length, struct fake_answer *answer)
{
	cleanup(free_message) Waymark__V1__ListLeasesRequest *list =
		waymark__v1__list_leases_request__unpack(NULL, length, request);
	Waymark__V1__ListLeasesResponse response = WAYMARK__V1__LIST_LEASES_RESPONSE__INIT;
	Google__Protobuf__Duration ttl;
	Waymark__V1__Lease lease, *leases[] = {&lease};

	lease_init(&lease, &ttl);
	response.n_leases = 1;
	response.leases = leases;
	response.next_page_token = (char *)(*list->page_token ? "" : "1");
	fake_answer_message(answer, &response.base);
}

bool answer_batch(const char *method, const uint8_t *request, size_t length,
		  Waymark__V1__Mark *mark, struct fake_answer *answer)
{
	if (strcmp(method, "WatchMarks") == 0)
		answer_watch(mark, answer);
	else if (strcmp(method, "ApplyMarks") == 0)
		answer_apply(request, length, answer);
	else if (strcmp(method, "ReplaceMarks") == 0)
		answer_replace(request, length, answer);
	else if (strcmp(method, "GrantLease") == 0)
		answer_grant(request, length, answer);
	else if (strcmp(method, "RenewLease") == 0)
		answer_renew(request, length, answer);
	else if (strcmp(method, "RevokeLease") == 0)
		answer_revoke(request, length, answer);
	else if (strcmp(method, "ListLeases") == 0)
		answer_leases(request, length, answer);
	else
		return false;
	return true;
}
