/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this folder share: the server, its entries, slots and calls.
 *
 * Everything that the C core completes comes out of one completion queue as a tag; a tag is
 * embedded in what it is about, and its function is called on a queue thread.
 *
 * Locks are taken in the order health, server, call; none is held while a handler runs.
 */
#ifndef WAYMARK_RPC_INTERNAL_H
#define WAYMARK_RPC_INTERNAL_H

#include <assert.h>
#include <grpc/grpc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rpc/arena.h"
#include "rpc/call.h"
#include "rpc/limits.h"
#include "rpc/server.h"

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

struct rpc_tag {
	void (*done)(struct rpc_tag *tag, bool ok);
	/* With the C core. Also carries what this thread wrote to the one that gets the tag,
	 * for ThreadSanitizer does not see how the C core does that. */
	atomic_bool away;
};

static inline void *tag_send(struct rpc_tag *tag)
{
	bool twice = atomic_exchange(&tag->away, true);

	assert(!twice);
	(void)twice;
	return tag;
}

static inline void tag_receive(struct rpc_tag *tag, bool ok)
{
	atomic_exchange(&tag->away, false);
	tag->done(tag, ok);
}

/* One method that the server serves. */
struct rpc_entry {
	struct rpc_server *server;
	const struct rpc_method *method;
	const struct rpc_service *service;
	void *registered; /* the C core's handle; NULL: takes what no other method takes */
};

/* Pre-posted: where the C core puts the next call of a method. */
struct rpc_slot {
	struct rpc_tag arrived;
	const struct rpc_entry *entry;
	grpc_call *call;
	gpr_timespec deadline;
	grpc_metadata_array metadata;
	grpc_byte_buffer *payload;
	grpc_call_details details; /* of an unknown method only */
};

/* The last batch of a call, kept until it may be started. */
struct rpc_final {
	grpc_status_code code;
	grpc_slice message;
	grpc_metadata trailers[2];
	size_t n_trailers;
	grpc_byte_buffer *response;
};

enum call_event {
	CALL_OPENED = 1 << 0,
	CALL_MESSAGE = 1 << 1,
	CALL_HALF_CLOSED = 1 << 2,
	CALL_WRITABLE = 1 << 3,
	CALL_CLOSED = 1 << 4,
	CALL_DRAIN = 1 << 5, /* a stream is to end: the server stops */
	CALL_IDLE = 1 << 6, /* a stream has been silent for too long, or so it seems */
	CALL_RECHECK = 1 << 7, /* a stream may have lost its access */
};

/* Lives in the arena of the C core's call. */
struct rpc_call {
	const struct rpc_entry *entry;
	grpc_call *core;
	gpr_timespec deadline;
	struct rpc_peer peer;
	void *data;
	size_t octets; /* of messages; written by whoever gets a message, one after the other */
	struct arena memory; /* of rpc_call_alloc() */
	struct arena scratch; /* of the message at hand */
	atomic_uint references;
	atomic_bool cancelled;
	atomic_llong silent_since; /* monotonic ns: a message is awaited; 0: none is */
	struct rpc_call **linked_from, *next; /* in server->streams, under its lock */
	bool is_idle; /* CALL_IDLE is on its way; under the server's lock */

	struct rpc_tag opened, received, sent, finished, closed;
	int close_flag; /* written by the C core: the call did not end by our status */
	grpc_byte_buffer *payload; /* the message that arrived last; NULL: half-close */

	pthread_mutex_t lock; /* what follows, and every batch of this call */
	unsigned int events; /* enum call_event: to be delivered */
	bool delivering; /* by some thread; it takes the events that come meanwhile */
	bool announced; /* the handler knows of this call */
	bool answering; /* the initial metadata were sent */
	bool sending; /* a message is not taken over yet */
	bool last_send; /* the handler was told `writable` after CALL_DRAIN had come */
	bool half_closed; /* by the client, and the handler knows */
	bool ended; /* rpc_call_finish() was called, or the client has gone */
	bool final_waits; /* `final` is complete, its batch not started: `sending` */
	struct rpc_final final;
};

struct rpc_server {
	struct rpc_options options;
	grpc_server *core;
	grpc_completion_queue *queue;
	struct rpc_thread *threads;
	size_t n_threads;
	pthread_mutex_t lead_lock; /* taken last of all; is_led */
	pthread_cond_t lead_free;
	bool is_led; /* one of the threads waits for events, or handles one */
	bool started;

	const struct rpc_service *services[RPC_SERVICES_MAX];
	size_t n_services;
	struct rpc_entry **entries;
	size_t n_entries;
	struct rpc_entry unknown;
	struct rpc_slot *slots;
	size_t n_slots;

	struct listener *listeners; /* the newest first */
	struct fd_table *fds; /* of the unix listeners' connections */
	char error[512]; /* of rpc_server_listen() */
	struct health *health;
	struct reflection *reflection;

	struct rpc_tag stopped;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t n_calls; /* that are not freed yet */
	struct rpc_call *streams; /* that the client has not left */
	bool draining; /* no new streams */
	struct idle *idle;
	bool stop_done; /* every connection is gone */
};

/* Every path, "" included, that no entry has. */
extern const struct rpc_method unknown_method;

/* May the peer make this call? Fills the status when not. */
bool call_admitted(struct rpc_call *call, struct rpc_status *status);

/* call.c */
/* Takes over what arrived in the slot, which is free again on return. One reference. */
struct rpc_call *call_new(struct rpc_slot *slot);
/* Admits, receives and handles the call; or only refuses it. Both take the reference. */
void call_start(struct rpc_call *call);
void call_refuse(struct rpc_call *call, const struct rpc_status *status);

/* streams.c: the calls that drain has to end. */
/* Fills the status that streams end with then. */
void streams_refuse(struct rpc_status *status);
/* False: the server is draining. */
bool streams_add(struct rpc_call *call);
void streams_remove(struct rpc_call *call);
void streams_drain(struct rpc_server *server);

/* idle.c: ends streams whose client has gone silent, from a thread of its own, which sleeps
 * while no stream is open that has a limit. */
int idle_start(struct rpc_server *server);
/* Also if it was never started. */
void idle_stop(struct rpc_server *server);
/* With the server's lock: a stream was added. */
void idle_wake(struct rpc_server *server, const struct rpc_call *call);
/* A message is awaited from now on; none is any more. */
void idle_await(struct rpc_call *call);
void idle_arrived(struct rpc_call *call);
/* CALL_IDLE was delivered: ends the call, unless something has arrived meanwhile. */
void idle_end(struct rpc_call *call);

/* threads.c: which of them serves the completion queue. */
int threads_init(struct rpc_server *server, size_t n);
void threads_done(struct rpc_server *server);
int threads_start(struct rpc_server *server, size_t n);
/* Of those that were started; the queue is shut down. */
void threads_join(struct rpc_server *server);
/* Without threads: handles the next event. False: the queue is shut down and empty. */
bool threads_turn(struct rpc_server *server);
/* What this thread does now may take long: another one serves the queue meanwhile. */
void threads_hand_over(void);

/* deliver.c: hands events (or 0: only looks again) to the handler, one at a time for a call,
 * on this thread unless another one is at it. */
void call_deliver(struct rpc_call *call, unsigned int events);
void call_receive(struct rpc_call *call);

/* final.c: what the client gets at the end. The response (NULL: none) is taken over. */
void final_init(struct rpc_final *final, const struct rpc_status *status, const char *domain,
		grpc_byte_buffer *response);
/* The operations that send it; returns their number, at most 3. */
size_t final_operations(struct rpc_final *final, bool initial_metadata, grpc_op *ops);
void final_done(struct rpc_final *final);

/* buffer.c: messages and their bytes. */
/* Of one of the two; NULL if there is neither. */
grpc_byte_buffer *buffer_make(const ProtobufCMessage *message, const struct rpc_packed *packed);
/* All bytes of the buffer in one slice, the caller's to unref. */
grpc_slice buffer_slice(grpc_byte_buffer *buffer);

/* slot.c */
int slots_post(struct rpc_server *server);
void slots_free(struct rpc_server *server);

#endif
