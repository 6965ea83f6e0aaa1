/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what.
 */
#ifndef WAYMARK_ACCESS_H
#define WAYMARK_ACCESS_H

#include "rpc/peer.h"
#include "service/policy.h"

/* Root on the unix socket, every holder of a verified certificate, and whoever reaches the
 * plaintext listener that an administrator has opened on loopback: admin. Others: none. */
enum access_role access_role(const struct rpc_peer *peer);

#endif
