/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/identity.h"

#include <errno.h>
#include <grpc/grpc_security.h>
#include <grpc/support/alloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "rpc/text.h"

#define SPIFFE "spiffe://"

DEFINE_CLEANUP(free_peer_text, char *, gpr_free)
DEFINE_CLEANUP(release_context, grpc_auth_context *, grpc_auth_context_release)

static bool name_is_plain(const char *name, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7F)
			return false;
	return text_valid(name, length);
}

void identity_set(struct rpc_peer *peer, const char *prefix, const char *name, size_t length)
{
	size_t prefix_length = strlen(prefix);

	peer->identity[0] = '\0';
	if (!length || prefix_length + length > RPC_IDENTITY_MAX ||
	    !name_is_plain(name, length))
		return;
	memcpy(peer->identity, prefix, prefix_length);
	memcpy(peer->identity + prefix_length, name, length);
	peer->identity[prefix_length + length] = '\0';
}

/* "fd:N" */
static bool identity_find_unix(const char *address, struct fd_table *fds, struct rpc_peer *peer)
{
	struct ucred credentials;
	char *end, uid[24];
	long number;
	int length;

	if (strncmp(address, "fd:", 3))
		return false;
	peer->transport = RPC_TRANSPORT_UNIX;
	peer->uid = (uid_t)-1;
	peer->gid = (gid_t)-1;
	number = strtol(address + 3, &end, 10);
	if (*end || number < 0 || number > INT32_MAX || !fds ||
	    !fd_table_find(fds, (int)number, &credentials))
		return true;
	peer->uid = credentials.uid;
	peer->gid = credentials.gid;
	peer->pid = credentials.pid;
	length = snprintf(uid, sizeof(uid), "%u", credentials.uid);
	identity_set(peer, "unix:uid=", uid, (size_t)length);
	snprintf(peer->address, sizeof(peer->address), "unix:pid=%d", credentials.pid);
	return true;
}

/* The first property with this name whose value begins with `prefix`, and how many do. */
static size_t find_property(const grpc_auth_context *context, const char *name,
			    const char *prefix, const grpc_auth_property **ret)
{
	grpc_auth_property_iterator iterator =
		grpc_auth_context_find_properties_by_name(context, name);
	const grpc_auth_property *property;
	size_t length = strlen(prefix), count = 0;

	while ((property = grpc_auth_property_iterator_next(&iterator))) {
		if (property->value_length < length || memcmp(property->value, prefix, length))
			continue;
		if (!count++)
			*ret = property;
	}
	return count;
}

static void identity_find_tls(const grpc_auth_context *context, struct rpc_peer *peer)
{
	const grpc_auth_property *name = NULL;
	size_t spiffe_ids;

	peer->transport = RPC_TRANSPORT_TLS;
	if (find_property(context, GRPC_X509_PEM_CERT_PROPERTY_NAME, "", &name))
		fingerprint_find(name->value, name->value_length, peer->fingerprint);
	/* A certificate is allowed one SPIFFE ID; with two, nobody knows whose it is. */
	spiffe_ids = find_property(context, GRPC_PEER_URI_PROPERTY_NAME, SPIFFE, &name);
	if (spiffe_ids > 1)
		return;
	if (spiffe_ids)
		identity_set(peer, SPIFFE, name->value + strlen(SPIFFE),
			     name->value_length - strlen(SPIFFE));
	else if (find_property(context, GRPC_PEER_DNS_PROPERTY_NAME, "", &name))
		identity_set(peer, "dns:", name->value, name->value_length);
	else if (find_property(context, GRPC_X509_CN_PROPERTY_NAME, "", &name))
		identity_set(peer, "cn:", name->value, name->value_length);
}

static bool context_is(const grpc_auth_context *context, const char *security)
{
	const grpc_auth_property *property;

	return find_property(context, GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME, security,
			     &property) == 1 &&
	       property->value_length == strlen(security);
}

void identity_find(grpc_call *call, struct fd_table *fds, struct rpc_peer *peer)
{
	cleanup(free_peer_text) char *address = grpc_call_get_peer(call);
	cleanup(release_context) grpc_auth_context *context = NULL;

	*peer = (struct rpc_peer){.transport = RPC_TRANSPORT_TLS};
	text_clean(peer->address, sizeof(peer->address), address, strlen(address));
	if (identity_find_unix(address, fds, peer))
		return;
	context = grpc_call_auth_context(call);
	if (!context)
		return;
	if (context_is(context, "ssl")) {
		identity_find_tls(context, peer);
	} else if (context_is(context, "insecure")) {
		peer->transport = RPC_TRANSPORT_INSECURE;
		identity_set(peer, "insecure:", "loopback", strlen("loopback"));
	}
}
