/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every limit of the runtime, each with its reason.
 */
#ifndef WAYMARK_RPC_LIMITS_H
#define WAYMARK_RPC_LIMITS_H

/* One request. Ten thousand updates fit; the client learns it as limits.max_request_bytes. */
#define RPC_MESSAGE_MAX (4 * 1024 * 1024)

/* All headers of a request. HTTP/2 buffers them before anybody is asked who may call. */
#define RPC_METADATA_MAX (8 * 1024)

/* Calls open at once on a connection. The C core queues calls without a bound of its own:
 * this times the connections times the message size is what a flood can make it hold. */
#define RPC_STREAMS_MAX 100

/* Calls that can arrive for one method between two turns of the queue without being put on
 * the C core's slow path, which only costs a lock. A slot is armed again at once. The C core of
 * Debian looks through all slots, of every method, whenever a call makes a step. */
#define RPC_SLOTS 8

/* From accept to the end of TLS: a silent connection must not hold a descriptor. */
#define RPC_HANDSHAKE_MS 5000

/* Pings that find a dead watcher although it never answers to writes: after at most 40 s. */
#define RPC_KEEPALIVE_MS 30000
#define RPC_KEEPALIVE_TIMEOUT_MS 10000
/* Between data frames the C core stops pinging after so many; 0 is "never stop", which a
 * watch without changes needs. */
#define RPC_PINGS_WITHOUT_DATA 0
/* How often clients may ping us; the common keepalive of controllers is 10 s. More often is
 * answered with GOAWAY too_many_pings. */
#define RPC_PING_INTERVAL_MIN_MS 10000

/* Connections never end for being idle: a controller that has nothing to say would pay a new
 * handshake for its next mark, and dead peers are found by keepalive. They do end by age, so
 * that a certificate that was replaced or expired stops counting; calls get the grace. */
#define RPC_CONNECTION_AGE_MS (12 * 3600 * 1000)
#define RPC_CONNECTION_AGE_GRACE_MS 60000

/* Two agents on one port would each get a share of the calls. */
#define RPC_REUSEPORT 0

/* What the C core may hold in buffers; beyond it connections are shed. Thirty requests of
 * the largest size. */
#define RPC_BUFFERS_MAX (128 * 1024 * 1024)

/* A request of more octets may take some tenths of a millisecond to check and to unpack:
 * another thread answers the calls that come meanwhile. */
#define RPC_BRIEF_MAX 4096

/* Memory that unpacking one message may take, RPC_ARENA_BASE + RPC_ARENA_FACTOR x its length
 * and never more than RPC_ARENA_MAX. Honest requests need up to 10 times their length;
 * protobuf-c can be made to take 56 times. */
#define RPC_ARENA_BASE (64 * 1024)
#define RPC_ARENA_FACTOR 16
#define RPC_ARENA_MAX (16 * 1024 * 1024)
/* Of what all requests have given back, so much is kept for the next ones: enough for ten
 * thousand updates. */
#define RPC_ARENA_STOCK (4 * 1024 * 1024)

/* Messages inside messages; our own contract needs six. Bounds our stack and protobuf-c's. */
#define RPC_NESTING_MAX 32

/* Connections of the unix socket that are open at once. No handshake guards it. */
#define RPC_UNIX_CONNECTIONS_MAX 1024
/* Descriptor numbers of those connections start here, above everything else that an agent
 * without TCP clients has open ... */
#define RPC_UNIX_FD_FIRST 256
/* ... and end here at the latest: beyond it the table would only cost memory. */
#define RPC_UNIX_FD_END 65536
/* After its connection was seen closed, a number is nobody's for so long: a call of that
 * connection that is still on its way must not be taken for the next owner's. */
#define RPC_UNIX_FD_REST_MS 60000
/* Of them, of one user: a user's program that leaks connections leaves room for the others. */
#define RPC_UNIX_USER_CONNECTIONS_MAX 512

/* TCP connections that are open at once. An idle one costs 16 KiB or, with TLS, 60 KiB. */
#define RPC_TCP_CONNECTIONS_MAX 4096
/* Of them, of one peer: an IPv4 address or an IPv6 /64. A site behind one address has some
 * controllers and people; each needs one or two. */
#define RPC_TCP_PEER_CONNECTIONS_MAX 256
/* When all places seem taken, a flood makes the agent look so often which connections have
 * ended meanwhile. */
#define RPC_GATE_LOOK_MS 20
/* Descriptors that stay for everything that is no connection: BPF maps and links, the store,
 * files of a reload. With fewer than all others need in all, connections share the rest. */
#define RPC_FDS_KEPT 256

/* Pause of the accept loop when the system has no descriptors or memory left. */
#define RPC_ACCEPT_PAUSE_MS 100

/* A listener of ours that lets a probe wait for its connection so long is in trouble. */
#define RPC_PROBE_CONNECT_MS 500

/* Services of one server, the built-in ones too; health has a status for each. */
#define RPC_SERVICES_MAX 16

/* Health.Watch streams in all. Load balancers hold one each; anybody may open them. */
#define RPC_HEALTH_WATCHERS_MAX 256

/* So long a connection without calls may stay after GOAWAY, so that its client leaves it. */
#define RPC_LINGER_MS 100

/* A stream that ends because the agent stops is asked to come back after this. */
#define RPC_DRAIN_RETRY_MS 1000

/* Certificate, key and CA files. A bundle of every public CA has 250 KiB. */
#define RPC_PEM_MAX (1024 * 1024)

#endif
