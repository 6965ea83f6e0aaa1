/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a store consists of; the room's own.
 */
#ifndef WAYMARK_STORE_STATE_H
#define WAYMARK_STORE_STATE_H

#include <limits.h>
#include <stdatomic.h>

#include "store/batch.h"
#include "store/compact.h"
#include "store/environment.h"
#include "store/live.h"
#include "store/meta.h"
#include "store/store.h"

struct store {
	int lock_fd;
	char file[PATH_MAX];
	uint64_t history;
	struct environment environment;
	uint8_t state_id[STORE_STATE_ID_SIZE];

	/* What meta says, for every thread. */
	_Atomic uint64_t revision, compact_revision, last_lease;

	/* The writer's. */
	struct meta meta; /* as committed */
	struct live live;
	struct compaction compaction;
	struct batch batch;
	uint64_t wanted_room; /* octets, of the last commit that found the disk full */
	uint64_t newest; /* revision in the transaction; 0: none */
	uint64_t newest_lease;
};

/* Reads everything that the tables say, and checks it. *live is empty before, and is to be
 * freed in any case. 0; -EBADMSG: damaged; -EPROTO; else negative errno. */
int load_tables(struct environment *environment, const char *file, struct meta *ret_meta,
		struct live *live, char *error);

/* ---- files ---- */

#define STORE_FILE "waymark.mdb"
#define STORE_NEW_FILE                                                        \
	"waymark.mdb.new" /* where a new one is built: a crash leaves no half \
			   */

/* Fills in the path of a file in a directory. 0 or -ENAMETOOLONG. */
int file_path(const char *directory, const char *name, char ret[static PATH_MAX], char *error);

/* Opens the file (ENVIRONMENT_CREATE or _PRIVATE) and writes *meta into it, with a new state
 * id. 0 or negative errno. */
int file_stamp(const char *file, enum environment_mode mode, struct meta *meta, char *error);

/* What has been built under STORE_NEW_FILE becomes STORE_FILE, durably. 0 or negative errno. */
int file_publish(const char *directory, char *error);

#endif
