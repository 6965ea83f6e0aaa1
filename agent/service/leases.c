/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GrantLease, RenewLease, RevokeLease and ListLeases.
 */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "service/access.h"
#include "service/handlers.h"
#include "service/submission.h"
#include "service/page_token.h"
#include "service/service.h"
#include "service/wire.h"

/* A Lease message with what it points to. Do not copy. */
struct wire_lease {
	Waymark__V1__Lease message;
	Google__Protobuf__Duration ttl;
	Google__Protobuf__Timestamp expire_time;
};

/* Borrows the owner. */
static void write_lease(struct wire_lease *wire, const struct engine_lease *lease)
{
	waymark__v1__lease__init(&wire->message);
	wire->message.lease_id = lease->id;
	wire_write_duration(&wire->ttl, (int64_t)lease->ttl);
	wire->message.ttl = &wire->ttl;
	wire_write_time(&wire->expire_time,
			reply_expire_time(lease->deadline, reply_wall_ahead()));
	wire->message.expire_time = &wire->expire_time;
	wire->message.owner = (char *)lease->owner;
	wire->message.mark_count = lease->marks;
}

/* ---- grant, renew, revoke ---- */

static void answer_grant(struct submission *submission)
{
	Waymark__V1__GrantLeaseResponse response = WAYMARK__V1__GRANT_LEASE_RESPONSE__INIT;
	Waymark__V1__ResponseHeader header;
	struct wire_lease lease;

	reply_header(&header, rpc_call_service(submission->call), submission->engine.revision);
	write_lease(&lease, &submission->engine.granted);
	response.header = &header;
	response.lease = &lease.message;
	rpc_call_finish(submission->call, NULL, &response.base);
}

static void answer_renew(struct submission *submission)
{
	Waymark__V1__RenewLeaseResponse response = WAYMARK__V1__RENEW_LEASE_RESPONSE__INIT;
	Waymark__V1__ResponseHeader header;
	struct wire_lease lease;

	reply_header(&header, rpc_call_service(submission->call), submission->engine.revision);
	write_lease(&lease, &submission->engine.granted);
	response.header = &header;
	response.lease = &lease.message;
	rpc_call_finish(submission->call, NULL, &response.base);
}

static void answer_revoke(struct submission *submission)
{
	Waymark__V1__RevokeLeaseResponse response = WAYMARK__V1__REVOKE_LEASE_RESPONSE__INIT;
	Waymark__V1__ResponseHeader header;

	reply_header(&header, rpc_call_service(submission->call), submission->engine.revision);
	response.header = &header;
	response.outcome = wire_outcome(submission->engine.outcome);
	response.removed = submission->engine.removed;
	rpc_call_finish(submission->call, NULL, &response.base);
}

static void lease_release(struct submission *submission)
{
	free(submission);
}

static struct submission *lease_submission(enum engine_verb verb,
					   void (*answer)(struct submission *submission))
{
	struct submission *submission = calloc(1, sizeof(*submission));

	if (!submission)
		return NULL;
	submission->engine.verb = verb;
	submission->answer = answer;
	submission->release = lease_release;
	return submission;
}

/* The end of every handler: r is what reading the request came to, without the options. */
static void submit(struct rpc_call *call, struct submission *submission,
		   const Waymark__V1__WriteOptions *options, int r, struct fault *fault)
{
	if (r == 0)
		r = submission_read_options(submission, call, options, fault);
	if (r == 0) {
		submission_send(submission);
		return;
	}
	reply_fault(call, fault);
	submission_discard(submission);
}

static int read_ttl(const struct rpc_call *call, const Google__Protobuf__Duration *message,
		    uint64_t *ret, struct fault *fault)
{
	int r = wire_read_ttl(message, ret, fault);

	return r < 0 ? r : policy_check_ttl(access_rule_of(call), (int64_t)*ret, fault);
}

void handle_grant_lease(struct rpc_call *call, const ProtobufCMessage *message)
{
	const Waymark__V1__GrantLeaseRequest *request =
		(const Waymark__V1__GrantLeaseRequest *)message;
	struct submission *submission = lease_submission(ENGINE_GRANT, answer_grant);
	struct fault fault;

	if (!submission)
		reply_out_of_memory(call);
	else
		submit(call, submission, request->options,
		       read_ttl(call, request->ttl, &submission->engine.ttl, &fault), &fault);
}

void handle_renew_lease(struct rpc_call *call, const ProtobufCMessage *message)
{
	const Waymark__V1__RenewLeaseRequest *request =
		(const Waymark__V1__RenewLeaseRequest *)message;
	struct submission *submission = lease_submission(ENGINE_RENEW, answer_renew);
	struct fault fault;

	if (!submission)
		reply_out_of_memory(call);
	else
		submit(call, submission, request->options,
		       wire_read_lease_id(request->lease_id, &submission->engine.lease, &fault),
		       &fault);
}

void handle_revoke_lease(struct rpc_call *call, const ProtobufCMessage *message)
{
	const Waymark__V1__RevokeLeaseRequest *request =
		(const Waymark__V1__RevokeLeaseRequest *)message;
	struct submission *submission = lease_submission(ENGINE_REVOKE, answer_revoke);
	struct fault fault;

	if (!submission)
		reply_out_of_memory(call);
	else
		submit(call, submission, request->options,
		       wire_read_lease_id(request->lease_id, &submission->engine.lease, &fault),
		       &fault);
}

/* ---- list ---- */

/* A page being filled. */
struct lease_page {
	const char *owner; /* "": any */
	struct engine_lease *leases;
	size_t n, size;
	bool more; /* there is one beyond the page */
};

static int add_lease(const struct engine_lease *lease, void *user)
{
	struct lease_page *page = user;

	if (page->owner[0] && strcmp(page->owner, lease->owner) != 0)
		return 0;
	if (page->n == page->size) {
		page->more = true;
		return 1;
	}
	page->leases[page->n++] = *lease;
	return 0;
}

static void reply_leases(struct rpc_call *call, const struct lease_page *page,
			 struct page_token *token, uint64_t revision)
{
	Waymark__V1__ListLeasesResponse response = WAYMARK__V1__LIST_LEASES_RESPONSE__INIT;
	Waymark__V1__ResponseHeader header;
	char next[PAGE_TOKEN_TEXT_SIZE];
	cleanup(free_bytes) struct wire_lease *wires = calloc(page->n + 1, sizeof(*wires));
	cleanup(free_bytes) Waymark__V1__Lease **messages =
		calloc(page->n + 1, sizeof(*messages));

	if (!wires || !messages) {
		reply_out_of_memory(call);
		return;
	}
	for (size_t i = 0; i < page->n; i++) {
		write_lease(&wires[i], &page->leases[i]);
		messages[i] = &wires[i].message;
	}
	reply_header(&header, rpc_call_service(call), revision);
	response.header = &header;
	response.leases = messages;
	response.n_leases = page->n;
	if (page->more) {
		token->position = page->leases[page->n - 1].id;
		page_token_write(token, next);
		response.next_page_token = next;
	}
	rpc_call_finish(call, NULL, &response.base);
}

/* Tokens of ListMarks do not fit here, whatever their filter. */
static uint64_t leases_fingerprint(const char *owner)
{
	uint64_t hash = page_token_hash(PAGE_TOKEN_HASH, "leases", sizeof("leases"));

	return page_token_hash(hash, owner, strlen(owner) + 1);
}

void handle_list_leases(struct rpc_call *call, const ProtobufCMessage *message)
{
	const Waymark__V1__ListLeasesRequest *request =
		(const Waymark__V1__ListLeasesRequest *)message;
	const struct service *service = rpc_call_service(call);
	struct lease_page page = {.owner = request->owner,
				  .size = service_page_size(request->page_size)};
	struct page_token token = {.filter = leases_fingerprint(request->owner)};
	uint64_t after = 0, revision = engine_revision(service->engine);
	cleanup(free_bytes) struct engine_lease *leases = NULL;
	struct fault fault;

	engine_state_id(service->engine, token.state_id);
	if (wire_check_text(request->owner, MARK_OWNER_MAX, "owner", &fault) < 0 ||
	    page_token_resume(request->page_token, &token, &after, &fault) < 0) {
		reply_fault(call, &fault);
		return;
	}
	leases = page.leases = calloc(page.size, sizeof(*leases));
	if (!leases) {
		reply_out_of_memory(call);
		return;
	}
	engine_leases(service->engine, after, add_lease, &page);
	reply_leases(call, &page, &token, revision);
}
