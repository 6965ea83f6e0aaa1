/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine over a datapath without a kernel and a store without a disk, and operations that
 * are waited for. Include after cmocka.h.
 */
#ifndef WAYMARK_ENGINE_FIXTURE_H
#define WAYMARK_ENGINE_FIXTURE_H

#include <semaphore.h>

#include "core/engine.h"
#include "fake_datapath.h"
#include "fake_store.h"

#define MS UINT64_C(1000000)
#define HOUR (3600 * 1000 * MS)

struct fixture {
	struct datapath datapath;
	struct store *store;
	struct engine *engine;
	int64_t audit_interval; /* of the next start() */
	const char *boot_id; /* likewise, 16 characters */
	uint64_t repairs;
	sem_t repaired;
	int store_error; /* as the engine has told it last */
};

int fixture_set_up(void **state);
int fixture_tear_down(void **state);

struct engine_restored start(struct fixture *fixture);
/* The maps are what outlives the agent. */
void stop(struct fixture *fixture);
struct engine_restored restart(struct fixture *fixture);

/* ---- one update ---- */

/* An operation with one update. */
struct request {
	struct engine_op op;
	struct engine_update update;
};

/* What became of it. */
struct result {
	enum outcome outcome;
	uint64_t revision; /* of the answer's header */
	struct engine_update update; /* without its fault */
	struct fault fault;
	bool cancelled;
	struct mark there; /* removed, or in the way */
};

struct match match_of(const char *destination);

/* A SET with a raw label, or a CLEAR, of a destination. */
struct engine_update update_of(enum update_verb verb, const char *destination, uint32_t label);
struct request request_of(enum update_verb verb, const char *destination, const char *owner,
			  uint32_t label);
struct request with_ttl(struct request request, uint64_t ttl);

struct result run_request(struct fixture *fixture, struct request request);

/* By "me". */
struct result set(struct fixture *fixture, const char *destination, uint32_t label);
struct result set_ttl(struct fixture *fixture, const char *destination, uint64_t ttl);
struct result clear(struct fixture *fixture, const char *destination);

/* ---- whole operations ---- */

/* Submits the operation and waits for its end. The faults of its updates are the caller's, who
 * calls engine_op_done(). */
void run_op(struct fixture *fixture, struct engine_op *op);

/* Grants a lease to "me" and returns its id. */
uint64_t grant(struct fixture *fixture, uint64_t ttl);

/* ---- looking ---- */

int64_t now(void);
struct fake_lease *lease_of(struct fixture *fixture, const char *destination);

/* The label that the kernel writes for this destination; UINT32_MAX: none. */
uint32_t programmed(struct fixture *fixture, const char *destination);

/* Waits until the writer has come to this revision. */
void wait_for_revision(struct fixture *fixture, uint64_t revision);

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

#endif
