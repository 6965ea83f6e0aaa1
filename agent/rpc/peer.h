/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is at the other end of a call.
 */
#ifndef WAYMARK_RPC_PEER_H
#define WAYMARK_RPC_PEER_H

#include <stdint.h>
#include <sys/types.h>

#include "rpc/fingerprint.h"

enum rpc_transport {
	RPC_TRANSPORT_UNIX, /* credentials of the connecting process, from the kernel */
	RPC_TRANSPORT_TLS, /* verified client certificate */
	RPC_TRANSPORT_INSECURE, /* plaintext on loopback; nothing is known */
};

#define RPC_IDENTITY_MAX 255

struct rpc_peer {
	enum rpc_transport transport;
	uid_t uid; /* UNIX only */
	gid_t gid; /* UNIX only */
	pid_t pid; /* UNIX only */
	/* "unix:uid=N"; "spiffe://...", else "dns:NAME" (first DNS SAN), else "cn:NAME"; or
	 * "insecure:loopback". The kind is ours, never from the certificate. Empty: a
	 * certificate without any usable name; nobody gets in with it. */
	char identity[RPC_IDENTITY_MAX + 1];
	/* TLS only: "sha256:" and 64 hex digits of the client's certificate (DER). */
	char fingerprint[FINGERPRINT_SIZE];
	char address[64]; /* for logs only, as the transport prints it */
};

#endif
