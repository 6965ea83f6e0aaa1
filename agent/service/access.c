/* SPDX-License-Identifier: Apache-2.0 */
#include "service/access.h"

#include "core/fault.h"
#include "service/service.h"

enum access_role access_role(const struct rpc_peer *peer)
{
	switch (peer->transport) {
	case RPC_TRANSPORT_UNIX:
		return peer->uid == 0 ? ACCESS_ADMIN : ACCESS_NONE;
	case RPC_TRANSPORT_TLS:
		return peer->identity[0] ? ACCESS_ADMIN : ACCESS_NONE;
	case RPC_TRANSPORT_INSECURE:
		return ACCESS_ADMIN;
	}
	return ACCESS_NONE;
}

bool service_admit(const struct rpc_peer *peer, const struct rpc_method *method, void *user,
		   struct rpc_status *status)
{
	(void)user;
	if (access_role(peer) != ACCESS_NONE)
		return true;
	rpc_status_set(status, FAULT_PERMISSION_DENIED, FAULT_REASON_NO_ACCESS,
		       "%s may not call %s", peer->identity, method->path);
	rpc_status_add(status, "identity", "%s", peer->identity);
	return false;
}
