/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libwaymark: a Waymark agent for C programs.
 *
 *	struct waymark_options options = {.target = "unix:/run/waymark/waymark.sock"};
 *	struct waymark_client *client;
 *	struct waymark_error error;
 *
 *	if (waymark_open(&options, &client, &error) || waymark_set_mark(client, &request,
 *									&response, &error))
 *		fprintf(stderr, "%s\n", error.message);
 *
 * Calls block, and any number of threads may share one client. Requests and responses are the
 * protobuf-c messages of waymark.v1; a response belongs to the caller, who frees it with its
 * free_unpacked function (allocator NULL).
 *
 * Every function that can fail returns 0 or an enum waymark_code and then says more in *error,
 * which may be NULL; outputs are untouched on failure. Times are milliseconds.
 *
 * The two streams have headers of their own: waymark/replace.h declares all marks of an owner,
 * waymark/watch.h follows the marks.
 *
 * A program that forks must do so before its first waymark_open().
 */
#ifndef WAYMARK_CLIENT_H
#define WAYMARK_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <waymark/v1/marker.pb-c.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The codes of gRPC, by their numbers. */
enum waymark_code {
	WAYMARK_OK = 0,
	WAYMARK_CANCELLED = 1,
	WAYMARK_UNKNOWN = 2,
	WAYMARK_INVALID_ARGUMENT = 3,
	WAYMARK_DEADLINE_EXCEEDED = 4,
	WAYMARK_NOT_FOUND = 5,
	WAYMARK_ALREADY_EXISTS = 6,
	WAYMARK_PERMISSION_DENIED = 7,
	WAYMARK_RESOURCE_EXHAUSTED = 8,
	WAYMARK_FAILED_PRECONDITION = 9,
	WAYMARK_ABORTED = 10,
	WAYMARK_OUT_OF_RANGE = 11,
	WAYMARK_UNIMPLEMENTED = 12,
	WAYMARK_INTERNAL = 13,
	WAYMARK_UNAVAILABLE = 14,
	WAYMARK_DATA_LOSS = 15,
	WAYMARK_UNAUTHENTICATED = 16,
};

#define WAYMARK_ERROR_METADATA 8

/* Why a call failed, as the agent says it (google.rpc.Status) or as the library found. A plain
 * value: nothing to free. Texts that do not fit are cut. */
struct waymark_error {
	int code; /* enum waymark_code */
	char message[1024]; /* one sentence for people */
	char reason[64]; /* ErrorInfo.reason, for instance "IPV4_UNSUPPORTED"; empty: none */
	char field[128]; /* path in the request ("mark.match.destination"), or the member of
			    waymark_options ("tls_ca"); empty: no field is to blame */
	size_t metadata_count;
	struct {
		char key[64];
		char value[256];
	} metadata[WAYMARK_ERROR_METADATA]; /* ErrorInfo.metadata; pairs beyond these drop */
	/* When the agent wants the call again (RetryInfo, grpc-retry-pushback-ms): not before
	 * so many milliseconds; 0: it did not say; negative: not at all. */
	int64_t retry_after_ms;
};

/* What to connect to, and how. Zero is the default of every member but `target`. Strings and
 * files are read during waymark_open() and not needed afterwards. */
struct waymark_options {
	/* "unix:/path", "host:port", "192.0.2.1:port" or "[2001:db8::1]:port". Required. */
	const char *target;
	/* Paths of PEM files. TCP needs tls_cert and tls_key, for agents ask every caller for a
	 * certificate. tls_ca: who signs agents; NULL: the C core's default roots. Not used for
	 * unix sockets. */
	const char *tls_ca;
	const char *tls_cert;
	const char *tls_key;
	/* Name that the agent's certificate must carry; NULL: the host of `target`. */
	const char *tls_server_name;
	/* TCP without TLS. Agents accept it on the loopback only, where configured. Excludes
	 * the tls_ members. */
	bool insecure;
	/* Milliseconds to connect, name resolution and handshake included. 0: 5,000. */
	int64_t connect_timeout_ms;
	/* Milliseconds from the start of a call until its answer, all attempts and the pauses
	 * between them included. 0: 10,000. */
	int64_t call_timeout_ms;
	/* Milliseconds from waymark_replace_begin() until the answer to the commit. 0: 300,000.
	 */
	int64_t replace_timeout_ms;
	/* How often a call is made at most, see below; 1: never again. 0: 5. */
	unsigned int max_attempts;
	/* A call waits for an agent that cannot be reached, for instance while it restarts,
	 * until its time is over. Without, such an attempt fails at once. */
	bool wait_for_ready;
	/* Milliseconds without anything from the agent until it is asked for a sign of life,
	 * and that it may take to answer; then the connection is lost (UNAVAILABLE). Agents end
	 * connections that ask more often than every 10,000, so less is refused. 0: 30,000 and
	 * 10,000. */
	int64_t keepalive_time_ms;
	int64_t keepalive_timeout_ms;
};

struct waymark_client;

/*
 * Makes a client. Connects with the first call, not here; reconnects by itself after that.
 * INVALID_ARGUMENT: the option that error->field names is missing, malformed or contradicts
 * another one. FAILED_PRECONDITION: its file cannot be read or holds no PEM.
 */
int waymark_open(const struct waymark_options *options, struct waymark_client **ret,
		 struct waymark_error *error);

/* No call may be under way or follow, and no replace or watch be open. NULL is fine. */
void waymark_close(struct waymark_client *client);

/*
 * The calls of waymark.v1.MarkerService. Their errors are those of marker.proto and these:
 * UNAVAILABLE: no connection. DEADLINE_EXCEEDED: no answer within call_timeout_ms; the agent
 * may have done the work. INTERNAL: an answer that cannot be read, or no memory.
 *
 * What is repeated, up to max_attempts times in all: a call that ends with UNAVAILABLE (whether
 * the agent said so, was not reached or was lost on the way), with CANCELLED (nobody here
 * cancels: an agent that stops does), or with RESOURCE_EXHAUSTED where the agent says when to
 * come back. Nothing is where it says not to, where credentials can open no connection, or
 * where the pause would outlast call_timeout_ms. The pause is what the agent asks for; else 100
 * ms, doubled with each attempt up to 5 s, less a random part of up to a half.
 *
 * Repeating a write is safe. But where the answer to an attempt that was carried out got lost,
 * the next one finds its work done: SetMark is then UNCHANGED, or ALREADY_EXISTS or ABORTED if
 * it had a precondition; ClearMark and RevokeLease are ABSENT, and final counters are in the
 * watch only; GrantLease leaves a lease that nobody uses, until it expires.
 */
int waymark_set_mark(struct waymark_client *client, const Waymark__V1__SetMarkRequest *request,
		     Waymark__V1__SetMarkResponse **ret, struct waymark_error *error);
int waymark_clear_mark(struct waymark_client *client,
		       const Waymark__V1__ClearMarkRequest *request,
		       Waymark__V1__ClearMarkResponse **ret, struct waymark_error *error);
int waymark_get_mark(struct waymark_client *client, const Waymark__V1__GetMarkRequest *request,
		     Waymark__V1__GetMarkResponse **ret, struct waymark_error *error);
/* One page; next_page_token of the answer asks for the next one. */
int waymark_list_marks(struct waymark_client *client,
		       const Waymark__V1__ListMarksRequest *request,
		       Waymark__V1__ListMarksResponse **ret, struct waymark_error *error);
int waymark_stats(struct waymark_client *client, const Waymark__V1__StatsRequest *request,
		  Waymark__V1__StatsResponse **ret, struct waymark_error *error);
/* With CONTINUE_ON_ERROR, 0 says that the batch was carried out, not that every update was:
 * see `failed` and `results`. */
int waymark_apply_marks(struct waymark_client *client,
			const Waymark__V1__ApplyMarksRequest *request,
			Waymark__V1__ApplyMarksResponse **ret, struct waymark_error *error);
int waymark_grant_lease(struct waymark_client *client,
			const Waymark__V1__GrantLeaseRequest *request,
			Waymark__V1__GrantLeaseResponse **ret, struct waymark_error *error);
int waymark_renew_lease(struct waymark_client *client,
			const Waymark__V1__RenewLeaseRequest *request,
			Waymark__V1__RenewLeaseResponse **ret, struct waymark_error *error);
int waymark_revoke_lease(struct waymark_client *client,
			 const Waymark__V1__RevokeLeaseRequest *request,
			 Waymark__V1__RevokeLeaseResponse **ret, struct waymark_error *error);
/* One page, as waymark_list_marks(). */
int waymark_list_leases(struct waymark_client *client,
			const Waymark__V1__ListLeasesRequest *request,
			Waymark__V1__ListLeasesResponse **ret, struct waymark_error *error);

/*
 * Any unary method: path "/package.Service/Method", request of its input type, answer of type
 * `response`. Errors and repetition as above. *ret is freed with
 * protobuf_c_message_free_unpacked().
 */
int waymark_call(struct waymark_client *client, const char *path,
		 const ProtobufCMessage *request, const ProtobufCMessageDescriptor *response,
		 ProtobufCMessage **ret, struct waymark_error *error);

/* "INVALID_ARGUMENT" and so on; "UNKNOWN" for numbers outside enum waymark_code. */
const char *waymark_code_name(int code);

/* Version of the library, semver. */
const char *waymark_version(void);

/* Keeps the C core from writing to stderr, in the whole process, unless the environment has
 * GRPC_VERBOSITY. For programs that have nobody else's gRPC logs to lose. */
void waymark_quiet(void);

#ifdef __cplusplus
}
#endif

#endif
