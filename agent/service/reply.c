/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "now.h"
#include "service/handlers.h"
#include "service/service.h"
#include "service/wire.h"

void reply_header(Waymark__V1__ResponseHeader *header, const struct service *service,
		  uint64_t revision)
{
	waymark__v1__response_header__init(header);
	header->instance_id = (char *)service->instance_id;
	header->state_id = (char *)service->state_id;
	header->revision = revision;
}

void reply_fault(struct rpc_call *call, const struct fault *fault)
{
	struct rpc_status status = {.code = 0};

	wire_status(&status, fault);
	rpc_call_finish(call, &status, NULL);
}

void reply_out_of_memory(struct rpc_call *call)
{
	struct fault fault;

	fault_set(&fault, FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_MEMORY, NULL,
		  "the agent is out of memory");
	reply_fault(call, &fault);
}

void reply_store(struct rpc_call *call, int error)
{
	struct fault fault;

	if (error == -ENOMEM) {
		reply_out_of_memory(call);
		return;
	}
	fault_set(&fault, FAULT_UNAVAILABLE, FAULT_REASON_STORE, NULL,
		  "the store cannot be read: %s", strerrordesc_np(-error));
	reply_fault(call, &fault);
}

int64_t reply_wall_ahead(void)
{
	return now_on(CLOCK_REALTIME) - now_on(CLOCK_BOOTTIME);
}
