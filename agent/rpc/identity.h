/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds out who calls.
 */
#ifndef WAYMARK_RPC_IDENTITY_H
#define WAYMARK_RPC_IDENTITY_H

#include <grpc/grpc.h>
#include <stddef.h>

#include "rpc/fd_table.h"
#include "rpc/peer.h"

/* Fills *peer; fds may be NULL when there is no unix listener. */
void identity_find(grpc_call *call, struct fd_table *fds, struct rpc_peer *peer);

/* identity = prefix + name; empty if the name is empty, too long, not UTF-8, or has control
 * characters (a NUL would make "root\0.example.org" root). */
void identity_set(struct rpc_peer *peer, const char *prefix, const char *name, size_t length);

#endif
