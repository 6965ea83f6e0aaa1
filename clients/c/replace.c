/* SPDX-License-Identifier: Apache-2.0 */
#include "waymark/replace.h"

#include <stdlib.h>
#include <string.h>

#include <grpc/slice.h>

#include "client.h"
#include "clock.h"
#include "error.h"
#include "message.h"
#include "retry.h"
#include "stream.h"

/* Octets of marks in a message: far below any agent's limit, far above the cost of one. */
#define CHUNK_MAX ((size_t)256 * 1024)

struct waymark_replace {
	struct stream stream;
	struct waymark_error end; /* once the stream has ended */
	uint64_t marks;
	size_t used;
	uint8_t chunk[CHUNK_MAX]; /* a packed ReplaceChunk */
};

DEFINE_CLEANUP(free_replace, struct waymark_replace *, waymark_replace_free)

/* Notes how the stream ended. */
static int replace_end(struct waymark_replace *replace, struct waymark_error *error)
{
	if (!replace->end.code && !stream_finish(&replace->stream, &replace->end))
		(void)error_set(&replace->end, WAYMARK_INTERNAL, "",
				"the agent answered before the commit");
	if (error)
		*error = replace->end;
	return replace->end.code;
}

static int replace_send(struct waymark_replace *replace,
			const Waymark__V1__ReplaceMarksRequest *request, bool last,
			struct waymark_error *error)
{
	if (stream_send(&replace->stream, message_pack(&request->base), last))
		return 0;
	return replace_end(replace, error);
}

static void replace_start(struct waymark_replace *replace, const struct waymark_client *client,
			  int64_t deadline)
{
	const struct call_terms terms = {
		.channel = client->channel,
		.path = "/waymark.v1.MarkerService/ReplaceMarks",
		.deadline = deadline,
		.wait_for_ready = client->wait_for_ready,
	};

	replace->end = (struct waymark_error){0};
	stream_init(&replace->stream, &terms, NULL);
}

/* Nothing is lost yet: an agent that is not there is tried again. */
static int replace_open(struct waymark_replace *replace, const struct waymark_client *client,
			const Waymark__V1__ReplaceMarksRequest *first,
			struct waymark_error *error)
{
	const int64_t deadline = clock_after(client->replace_timeout_ms);
	struct retry retry = {.max_attempts = client->max_attempts};

	replace_start(replace, client, deadline);
	while (replace_send(replace, first, false, error)) {
		if (!retry_wait(&retry, &replace->end, deadline))
			return replace->end.code;
		stream_done(&replace->stream);
		replace_start(replace, client, deadline);
	}
	return 0;
}

int waymark_replace_begin(struct waymark_client *client, const Waymark__V1__ReplaceBegin *begin,
			  struct waymark_replace **ret, struct waymark_error *error)
{
	cleanup(free_replace) struct waymark_replace *replace = malloc(sizeof(*replace));
	Waymark__V1__ReplaceMarksRequest first = WAYMARK__V1__REPLACE_MARKS_REQUEST__INIT;
	Waymark__V1__ReplaceBegin defaults = WAYMARK__V1__REPLACE_BEGIN__INIT;
	int code;

	if (!replace)
		return error_set(error, WAYMARK_INTERNAL, "", "no memory");
	replace->marks = 0;
	replace->used = 0;
	first.step_case = WAYMARK__V1__REPLACE_MARKS_REQUEST__STEP_BEGIN;
	first.begin = begin ? (Waymark__V1__ReplaceBegin *)begin : &defaults;
	code = replace_open(replace, client, &first, error);
	if (!code)
		*ret = take(replace);
	return code;
}

/* The message of a chunk that is packed already: the field's key and its length before it. */
static grpc_byte_buffer *chunk_message(const uint8_t *chunk, size_t length)
{
	uint8_t head[11] = {2 << 3 | 2}; /* ReplaceMarksRequest.chunk, of known length */
	size_t used = 1;
	grpc_slice slices[2];
	grpc_byte_buffer *message;

	for (size_t rest = length; used == 1 || rest; rest >>= 7)
		head[used++] = (uint8_t)((rest & 0x7F) | (rest > 0x7F ? 0x80 : 0));
	slices[0] = grpc_slice_from_copied_buffer((const char *)head, used);
	slices[1] = grpc_slice_from_copied_buffer((const char *)chunk, length);
	message = grpc_raw_byte_buffer_create(slices, 2);
	grpc_slice_unref(slices[0]);
	grpc_slice_unref(slices[1]);
	return message;
}

static int replace_flush(struct waymark_replace *replace, struct waymark_error *error)
{
	if (!replace->used)
		return 0;
	if (!stream_send(&replace->stream, chunk_message(replace->chunk, replace->used), false))
		return replace_end(replace, error);
	replace->used = 0;
	return 0;
}

/* A chunk of one mark. Packed chunks that follow one another are the chunk of all their marks.
 */
static Waymark__V1__ReplaceChunk chunk_of(Waymark__V1__Mark *const *mark)
{
	Waymark__V1__ReplaceChunk chunk = WAYMARK__V1__REPLACE_CHUNK__INIT;

	chunk.n_marks = 1;
	chunk.marks = (Waymark__V1__Mark **)mark;
	return chunk;
}

static int check_sizes(Waymark__V1__Mark *const *marks, size_t count,
		       struct waymark_error *error)
{
	for (size_t i = 0; i < count; i++) {
		const Waymark__V1__ReplaceChunk chunk = chunk_of(&marks[i]);
		const size_t size = waymark__v1__replace_chunk__get_packed_size(&chunk);
		char field[32];

		if (size <= CHUNK_MAX)
			continue;
		(void)snprintf(field, sizeof(field), "marks[%zu]", i);
		return error_set(error, WAYMARK_INVALID_ARGUMENT, field,
				 "a mark of %zu octets, more than any can have", size);
	}
	return 0;
}

static int replace_add_mark(struct waymark_replace *replace, Waymark__V1__Mark *const *mark,
			    struct waymark_error *error)
{
	const Waymark__V1__ReplaceChunk chunk = chunk_of(mark);
	const size_t size = waymark__v1__replace_chunk__get_packed_size(&chunk);
	int code = replace->used + size > CHUNK_MAX ? replace_flush(replace, error) : 0;

	if (code)
		return code;
	replace->used +=
		waymark__v1__replace_chunk__pack(&chunk, replace->chunk + replace->used);
	replace->marks++;
	return 0;
}

int waymark_replace_add(struct waymark_replace *replace, Waymark__V1__Mark *const *marks,
			size_t count, struct waymark_error *error)
{
	int code = replace->end.code ? replace_end(replace, error)
				     : check_sizes(marks, count, error);

	for (size_t i = 0; !code && i < count; i++)
		code = replace_add_mark(replace, &marks[i], error);
	return code;
}

/* The stream's answer, after all was sent. */
static int replace_answer(struct waymark_replace *replace,
			  Waymark__V1__ReplaceMarksResponse **ret, struct waymark_error *error)
{
	cleanup(destroy_byte_buffer) grpc_byte_buffer *bytes = NULL;
	ProtobufCMessage *message;

	(void)stream_receive(&replace->stream, NEVER, &bytes);
	if (stream_finish(&replace->stream, &replace->end))
		return replace_end(replace, error);
	message = message_unpack(&waymark__v1__replace_marks_response__descriptor, bytes);
	if (!message)
		return error_set(error, WAYMARK_INTERNAL, "",
				 "the answer is no waymark.v1.ReplaceMarksResponse");
	*ret = (Waymark__V1__ReplaceMarksResponse *)message;
	return 0;
}

int waymark_replace_commit(struct waymark_replace *replace,
			   Waymark__V1__ReplaceMarksResponse **ret, struct waymark_error *error)
{
	Waymark__V1__ReplaceMarksRequest last = WAYMARK__V1__REPLACE_MARKS_REQUEST__INIT;
	Waymark__V1__ReplaceCommit commit = WAYMARK__V1__REPLACE_COMMIT__INIT;
	int code =
		replace->end.code ? replace_end(replace, error) : replace_flush(replace, error);

	commit.mark_count = replace->marks;
	last.step_case = WAYMARK__V1__REPLACE_MARKS_REQUEST__STEP_COMMIT;
	last.commit = &commit;
	code = code ? code : replace_send(replace, &last, true, error);
	return code ? code : replace_answer(replace, ret, error);
}

void waymark_replace_free(struct waymark_replace *replace)
{
	if (!replace)
		return;
	stream_done(&replace->stream);
	free(replace);
}
