/* SPDX-License-Identifier: Apache-2.0 */
#include "store/meta.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <waymark/store/v1/store.pb-c.h>

#include "cleanup.h"
#include "store/environment.h"
#include "store/explain.h"
#include "store/message.h"

#define META_SIZE_MAX 256

static const MDB_val meta_key = {sizeof("meta") - 1, (void *)"meta"};

static int read_message(const Waymark__Store__V1__Meta *message, const char *file,
			struct meta *ret, char *error)
{
	if (message->format > META_FORMAT)
		return explain(
			error, -EPROTO,
			"%s: format %u, written by version %.32s; this is version %s, which "
			"reads formats up to %d",
			file, message->format, message->program, WAYMARK_VERSION, META_FORMAT);
	if (message->format < 1 || message->state_id.len != sizeof(ret->state_id) ||
	    message->compact_revision > message->revision)
		return explain(error, -EBADMSG, "%s: damaged: what it says of itself is wrong",
			       file);
	memcpy(ret->state_id, message->state_id.data, sizeof(ret->state_id));
	ret->revision = message->revision;
	ret->compact_revision = message->compact_revision;
	ret->last_lease = message->last_lease;
	return 0;
}

int meta_read(MDB_txn *txn, MDB_dbi table, const char *file, struct meta *ret, char *error)
{
	cleanup(message_done) struct message message = {.base = NULL};
	MDB_val key = meta_key, value;
	int rc = mdb_get(txn, table, &key, &value);

	if (rc != 0 && rc != MDB_NOTFOUND)
		return explain(error, environment_error(rc), "%s: %s", file, mdb_strerror(rc));
	if (rc == MDB_NOTFOUND || message_read(&message, &waymark__store__v1__meta__descriptor,
					       value.mv_data, value.mv_size) < 0)
		return explain(error, -EBADMSG, "%s: damaged: it does not say what it is",
			       file);
	return read_message((const Waymark__Store__V1__Meta *)message.base, file, ret, error);
}

int meta_write(MDB_txn *txn, MDB_dbi table, const struct meta *meta)
{
	Waymark__Store__V1__Meta message = WAYMARK__STORE__V1__META__INIT;
	uint8_t bytes[META_SIZE_MAX];
	MDB_val key = meta_key, value = {0, bytes};

	message.format = META_FORMAT;
	message.state_id.data = (uint8_t *)meta->state_id;
	message.state_id.len = sizeof(meta->state_id);
	message.revision = meta->revision;
	message.compact_revision = meta->compact_revision;
	message.last_lease = meta->last_lease;
	message.program = (char *)WAYMARK_VERSION;
	value.mv_size = waymark__store__v1__meta__pack(&message, bytes);
	return mdb_put(txn, table, &key, &value, 0);
}

int meta_new_state_id(struct meta *meta)
{
	return getrandom(meta->state_id, sizeof(meta->state_id), 0) ==
			       (ssize_t)sizeof(meta->state_id)
		       ? 0
		       : -EIO;
}
