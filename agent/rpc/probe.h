/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks a listener from outside whether it still takes connections, and without TLS also whether
 * calls are answered: Health/Check, by hand, for a client of the C core would share its threads
 * with the server that it asks. Behind TLS nobody gets a call through without a certificate:
 * there the connection's end, after ours, is the answer.
 */
#ifndef WAYMARK_RPC_PROBE_H
#define WAYMARK_RPC_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Zero, and then whom to ask. */
struct probe {
	struct sockaddr_storage address;
	socklen_t length;
	bool tls;
	int fd; /* the question under way; 0: none */
	size_t used;
	uint8_t answer[256];
};

/* Gives up the question before and asks anew. Waits for the connection, for as long as a
 * listener with a full queue may take, at most RPC_PROBE_CONNECT_MS. Without a connection there
 * will be no answer. */
void probe_ask(struct probe *probe);

/* Has the question been answered? An end of the connection is an answer, too: somebody has
 * taken it. True before the first question. */
bool probe_is_answered(struct probe *probe);

/* Gives up the question. */
void probe_done(struct probe *probe);

#endif
