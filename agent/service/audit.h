/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the audit log says of a call: a line for each that changed something, whatever the
 * number of its updates, and for each that was refused.
 */
#ifndef WAYMARK_AUDIT_H
#define WAYMARK_AUDIT_H

#include "rpc/call.h"

struct service;
struct submission;

/* The engine has carried out an operation; nothing is said of one that only tries. On the
 * writer's thread, before the client learns of it. */
void audit_change(const struct submission *submission);

/* For rpc_options.refused. That a reader was told that there is no such mark is no refusal. */
void audit_refusal(const struct service *service, const struct rpc_call *call,
		   const struct rpc_status *status);

#endif
