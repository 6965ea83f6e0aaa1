/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ReplaceMarks: declares the whole set of marks of one owner; the agent applies the difference
 * at the commit, in one transaction. Until then, and if anything goes wrong, nothing changes.
 *
 *	struct waymark_replace *replace;
 *
 *	if (waymark_replace_begin(client, &begin, &replace, &error))
 *		return error.code;
 *	code = waymark_replace_add(replace, marks, count, &error);
 *	if (!code)
 *		code = waymark_replace_commit(replace, &response, &error);
 *	waymark_replace_free(replace);
 *
 * One thread at a time uses an object; a client may have any number of them, beside other
 * calls. The library does not repeat a ReplaceMarks once marks were added, for it keeps none:
 *after UNAVAILABLE, whose error->retry_after_ms says when, begin again (the same declaration
 *twice is harmless).
 */
#ifndef WAYMARK_REPLACE_H
#define WAYMARK_REPLACE_H

#include <waymark/client.h>

#ifdef __cplusplus
extern "C" {
#endif

struct waymark_replace;

/* Opens the stream; repeated as calls are while the agent cannot be reached. `begin` is not
 * needed afterwards; NULL: all defaults. What the agent refuses may come out here or later.
 * INTERNAL: no memory. The agent ends a stream that is silent for 30 s (ABORTED / IDLE). */
int waymark_replace_begin(struct waymark_client *client, const Waymark__V1__ReplaceBegin *begin,
			  struct waymark_replace **ret, struct waymark_error *error);

/*
 * Declares more marks, any number in any portions: the library gathers them into messages below
 * the agent's limit, and waits while the agent does not take them. They are packed before this
 * returns. INVALID_ARGUMENT, field "marks[N]": the N-th of these is larger than any mark can
 * be; none of these is declared, and the caller may go on. Other errors are the stream's and
 * come back from every later call: those of marker.proto, UNAVAILABLE, or DEADLINE_EXCEEDED
 * after waymark_options.replace_timeout_ms.
 */
int waymark_replace_add(struct waymark_replace *replace, Waymark__V1__Mark *const *marks,
			size_t count, struct waymark_error *error);

/*
 * Commits what was added and waits for the answer. 0: *ret says what changed, and what failed
 * where `begin` allows that; free it with waymark__v1__replace_marks_response__free_unpacked().
 * Errors as above: nothing was changed, except that UNAVAILABLE and DEADLINE_EXCEEDED do not
 * tell. Nothing but waymark_replace_free() may follow.
 */
int waymark_replace_commit(struct waymark_replace *replace,
			   Waymark__V1__ReplaceMarksResponse **ret,
			   struct waymark_error *error);

/* Frees the object; without a commit nothing was changed. NULL is fine. */
void waymark_replace_free(struct waymark_replace *replace);

#ifdef __cplusplus
}
#endif

#endif
