/* SPDX-License-Identifier: Apache-2.0 */
#include "endpoint.h"

void endpoint_complete(struct endpoint *endpoint, const struct endpoint *from)
{
	endpoint->target = endpoint->target ?: from->target;
	endpoint->tls_ca = endpoint->tls_ca ?: from->tls_ca;
	endpoint->tls_cert = endpoint->tls_cert ?: from->tls_cert;
	endpoint->tls_key = endpoint->tls_key ?: from->tls_key;
	endpoint->tls_server_name = endpoint->tls_server_name ?: from->tls_server_name;
	endpoint->insecure = endpoint->insecure || from->insecure;
	endpoint->timeout_ms = endpoint->timeout_ms ?: from->timeout_ms;
	endpoint->owner = endpoint->owner ?: from->owner;
}
