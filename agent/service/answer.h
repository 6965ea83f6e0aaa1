/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer that holds marks, written octet by octet. One thread at a time.
 */
#ifndef WAYMARK_ANSWER_H
#define WAYMARK_ANSWER_H

#include <stddef.h>
#include <stdint.h>

struct rpc_call;
struct rpc_packed;
struct service;

struct answer {
	uint8_t *octets, *end; /* end: where to go on */
	size_t size;
};

/* Begins with the header (field 1) of all answers, and has room for a mark behind it. 0 or
 * -ENOMEM; pair with answer_done(). */
int answer_init(struct answer *answer, const struct service *service, uint64_t revision);
/* Zeros are fine, and what has been packed. */
void answer_done(struct answer *answer);

/* Makes room for so many octets at the end, which may move. 0 or -ENOMEM. */
int answer_reserve(struct answer *answer, size_t octets);

/* Hands over what was written; NULL: no memory. */
struct rpc_packed *answer_pack(struct answer *answer);

/* Finishes the call with the answer. */
void answer_finish(struct rpc_call *call, struct answer *answer);

#endif
