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
 * which may be NULL; outputs are untouched on failure.
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
	int64_t retry_after_ms; /* RetryInfo: not before that many milliseconds; 0: not said */
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
	/* Milliseconds from the start of a call until its answer. 0: 10,000. */
	int64_t call_timeout_ms;
};

struct waymark_client;

/*
 * Makes a client. Connects with the first call, not here; reconnects by itself after that. A
 * call while the agent cannot be reached fails at once (UNAVAILABLE) with the reason.
 * INVALID_ARGUMENT: the option that error->field names is missing, malformed or contradicts
 * another one. FAILED_PRECONDITION: its file cannot be read or holds no PEM.
 */
int waymark_open(const struct waymark_options *options, struct waymark_client **ret,
		 struct waymark_error *error);

/* No call may be under way or follow. NULL is fine. */
void waymark_close(struct waymark_client *client);

/*
 * The calls of waymark.v1.MarkerService. Their errors are those of marker.proto and these:
 * UNAVAILABLE: no connection. DEADLINE_EXCEEDED: no answer within call_timeout_ms; the agent
 * may have done the work (repeating any write is safe). INTERNAL: an answer that cannot be
 * read, or no memory.
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

/*
 * Any unary method: path "/package.Service/Method", request of its input type, answer of type
 * `response`. Errors as above. *ret is freed with protobuf_c_message_free_unpacked().
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
