/* SPDX-License-Identifier: Apache-2.0 */
#include "service/answer.h"

#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "service/handlers.h"
#include "service/service.h"
#include "service/wire.h"
#include "wire/write.h"

/* Enough for a header and a mark, and for a page of the usual ones after some doubling. */
#define ANSWER_FIRST 2048

DEFINE_CLEANUP(packed_free, struct rpc_packed *, rpc_packed_free)

_Static_assert(ANSWER_FIRST >= WIRE_MARK_ROOM + 512, "a header and a mark fit");

int answer_init(struct answer *answer, const struct service *service, uint64_t revision)
{
	uint8_t *begin, *end;

	answer->octets = malloc(ANSWER_FIRST);
	if (!answer->octets)
		return -ENOMEM;
	answer->size = ANSWER_FIRST;
	begin = wire_begin(answer->octets, 1);
	end = wire_put_text(begin, 1, service->instance_id);
	end = wire_put_text(end, 2, service->state_id);
	end = wire_put_number(end, 3, revision);
	answer->end = wire_end(begin, end);
	return 0;
}

void answer_done(struct answer *answer)
{
	free(take(answer->octets));
}

int answer_reserve(struct answer *answer, size_t octets)
{
	const size_t used = (size_t)(answer->end - answer->octets);
	size_t size = answer->size;
	uint8_t *grown;

	if (octets <= size - used)
		return 0;
	while (octets > size - used)
		size *= 2;
	grown = realloc(answer->octets, size);
	if (!grown)
		return -ENOMEM;
	*answer = (struct answer){grown, grown + used, size};
	return 0;
}

struct rpc_packed *answer_pack(struct answer *answer)
{
	const size_t used = (size_t)(answer->end - answer->octets);

	return rpc_packed_new(take(answer->octets), used);
}

void answer_finish(struct rpc_call *call, struct answer *answer)
{
	cleanup(packed_free) struct rpc_packed *packed = answer_pack(answer);

	if (packed)
		rpc_call_finish_packed(call, packed);
	else
		reply_out_of_memory(call);
}
