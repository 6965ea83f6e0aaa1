/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status of a call: a gRPC code with the details of AIP-193, packed as google.rpc.Status
 * for the trailer `grpc-status-details-bin`.
 */
#ifndef WAYMARK_RPC_STATUS_H
#define WAYMARK_RPC_STATUS_H

#include <stddef.h>
#include <stdint.h>

#define RPC_STATUS_METADATA 6
/* Clients refuse more than 8 KiB of trailers in all; packed details stay below half. */
#define RPC_STATUS_DETAILS_MAX 4096

/* Plain value; zero it and set what applies. Too long texts are cut at a UTF-8 boundary when
 * packed, never refused. */
struct rpc_status {
	int code; /* GRPC_STATUS_*; 0: OK, and nothing else matters */
	char message[320]; /* one sentence for people */
	char reason[64]; /* ErrorInfo.reason, UPPER_SNAKE */
	char field[128]; /* BadRequest: path of the field; empty: none */
	struct {
		const char *key; /* constant */
		char value[256];
	} metadata[RPC_STATUS_METADATA]; /* ErrorInfo.metadata; key NULL ends it */
	char quota_subject[64]; /* QuotaFailure, its description is `message`; empty: none */
	int64_t retry_after_ms; /* RetryInfo and grpc-retry-pushback-ms; 0: none */
};

/* Sets code, reason and message. */
__attribute__((format(printf, 4, 5))) void rpc_status_set(struct rpc_status *status, int code,
							  const char *reason,
							  const char *format, ...);

/* Adds one pair to ErrorInfo.metadata; dropped when all places are taken. */
__attribute__((format(printf, 3, 4))) void
rpc_status_add(struct rpc_status *status, const char *key, const char *format, ...);

/* Packs the details into buffer; returns their size, at most RPC_STATUS_DETAILS_MAX. `domain`
 * goes into ErrorInfo. */
size_t rpc_status_pack(const struct rpc_status *status, const char *domain,
		       uint8_t buffer[static RPC_STATUS_DETAILS_MAX]);

#endif
