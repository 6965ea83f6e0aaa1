/* SPDX-License-Identifier: Apache-2.0 */
#include "store/record.h"

#include <errno.h>
#include <string.h>
#include <waymark/store/v1/store.pb-c.h>

#include "cleanup.h"
#include "core/match.h"
#include "core/scitag.h"
#include "store/message.h"

#define NANOSECONDS INT64_C(1000000000)
#define DSCP_MAX 63
#define EXPERIMENT_MAX 511
#define ACTIVITY_MAX 63

typedef Waymark__V1__Mark mark_message;
typedef Waymark__Store__V1__Record record_message;

/* ---- reading ---- */

static int read_match(const Waymark__V1__Match *message, struct match *ret)
{
	struct fault fault;

	if (!message)
		return -EBADMSG;
	return match_parse(&(struct match_text){.destination = message->destination,
						.source = message->source,
						.protocol = message->protocol,
						.source_port = message->source_port,
						.destination_port = message->destination_port},
			   ret, &fault) < 0
		       ? -EBADMSG
		       : 0;
}

static int read_scitag(const Waymark__V1__Scitag *scitag, struct mark_action *ret)
{
	if (scitag->experiment_id < 1 || scitag->experiment_id > EXPERIMENT_MAX ||
	    scitag->activity_id > ACTIVITY_MAX)
		return -EBADMSG;
	ret->label = MARK_LABEL_SCITAG;
	ret->experiment = (uint16_t)scitag->experiment_id;
	ret->activity = (uint8_t)scitag->activity_id;
	return 0;
}

static int read_label(const mark_message *message, struct mark_action *ret)
{
	switch (message->label_case) {
	case WAYMARK__V1__MARK__LABEL_FLOW_LABEL:
		if (message->flow_label > SCITAG_LABEL_MAX)
			return -EBADMSG;
		ret->label = MARK_LABEL_RAW;
		ret->flow_label = message->flow_label;
		return 0;
	case WAYMARK__V1__MARK__LABEL_SCITAG:
		return read_scitag(message->scitag, ret);
	default:
		return 0;
	}
}

static int read_action(const mark_message *message, struct mark_action *ret)
{
	int r = read_label(message, ret);

	if (r < 0)
		return r;
	ret->has_dscp = message->dscp_choice_case == WAYMARK__V1__MARK__DSCP_CHOICE_DSCP;
	if (ret->has_dscp ? message->dscp > DSCP_MAX : ret->label == MARK_LABEL_NONE)
		return -EBADMSG;
	ret->dscp = ret->has_dscp ? (uint8_t)message->dscp : 0;
	return 0;
}

static int read_lifetime(const record_message *record, struct mark *ret)
{
	if (record->ttl_ns && !record->lease_id)
		return -EBADMSG;
	ret->lease = record->lease_id;
	ret->ttl = record->ttl_ns;
	if (record->ttl_ns)
		ret->lifetime = MARK_TTL;
	else
		ret->lifetime = record->lease_id ? MARK_LEASE : MARK_FOREVER;
	return 0;
}

static int read_time(const Google__Protobuf__Timestamp *message, int64_t *ret)
{
	if (!message || message->nanos <= -NANOSECONDS || message->nanos >= NANOSECONDS ||
	    __builtin_mul_overflow(message->seconds, NANOSECONDS, ret) ||
	    __builtin_add_overflow(*ret, message->nanos, ret))
		return -EBADMSG;
	return 0;
}

static int read_mark(const record_message *record, uint64_t revision, struct mark *ret)
{
	const mark_message *message = record->mark;

	if (message->revision != revision || read_match(message->match, &ret->match) < 0 ||
	    read_action(message, &ret->action) < 0 || read_lifetime(record, ret) < 0 ||
	    read_time(message->create_time, &ret->create_time) < 0 ||
	    message_copy_text(ret->cookie, sizeof(ret->cookie), message->cookie) < 0 ||
	    message_copy_text(ret->owner, sizeof(ret->owner), message->owner) < 0)
		return -EBADMSG;
	ret->revision = revision;
	return 0;
}

static int read_removal(const record_message *record, uint64_t revision, struct removal *ret)
{
	const Waymark__Store__V1__Tombstone *message = record->tombstone;

	/* A reason that is not known yet is still a removal. */
	if (message->reason < 1 || message->reason > UINT8_MAX || !message->counters ||
	    read_match(message->match, &ret->match) < 0 ||
	    message_copy_text(ret->owner, sizeof(ret->owner), message->owner) < 0)
		return -EBADMSG;
	ret->revision = revision;
	ret->reason = (uint8_t)message->reason;
	ret->counters.packets = message->counters->packets;
	ret->counters.bytes = message->counters->bytes;
	return 0;
}

int record_read(uint64_t revision, const void *bytes, size_t size, struct record *ret)
{
	cleanup(message_done) struct message message;
	const record_message *record;
	int r = message_read(&message, &waymark__store__v1__record__descriptor, bytes, size);

	if (r < 0)
		return r;
	record = (const record_message *)message.base;
	memset(ret, 0, sizeof(*ret));
	ret->supersedes = record->supersedes;
	if (record->supersedes >= revision)
		return -EBADMSG;
	switch (record->change_case) {
	case WAYMARK__STORE__V1__RECORD__CHANGE_MARK:
		return read_mark(record, revision, &ret->mark);
	case WAYMARK__STORE__V1__RECORD__CHANGE_TOMBSTONE:
		ret->is_removal = true;
		return read_removal(record, revision, &ret->removal);
	default:
		return -EBADMSG;
	}
}
