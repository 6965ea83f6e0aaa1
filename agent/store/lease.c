/* SPDX-License-Identifier: Apache-2.0 */
#include "store/lease.h"

#include <errno.h>
#include <string.h>
#include <waymark/store/v1/store.pb-c.h>

#include "cleanup.h"
#include "store/message.h"

size_t lease_write(const struct store_lease *lease, uint8_t ret[static LEASE_SIZE_MAX])
{
	Waymark__Store__V1__Lease message = WAYMARK__STORE__V1__LEASE__INIT;

	message.id = lease->id;
	message.single_mark = lease->is_private;
	message.ttl_ns = lease->ttl;
	message.boot_id.data = (uint8_t *)lease->boot_id;
	message.boot_id.len = sizeof(lease->boot_id);
	message.boottime_ns = lease->boottime;
	message.wall_ns = lease->wall;
	message.owner = (char *)lease->owner;
	return waymark__store__v1__lease__pack(&message, ret);
}

int lease_read(uint64_t id, const void *bytes, size_t size, struct store_lease *ret)
{
	cleanup(message_done) struct message message;
	const Waymark__Store__V1__Lease *lease;
	int r = message_read(&message, &waymark__store__v1__lease__descriptor, bytes, size);

	if (r < 0)
		return r;
	lease = (const Waymark__Store__V1__Lease *)message.base;
	if (lease->id != id || lease->boot_id.len != sizeof(ret->boot_id))
		return -EBADMSG;
	memset(ret, 0, sizeof(*ret));
	ret->id = id;
	ret->is_private = lease->single_mark;
	ret->ttl = lease->ttl_ns;
	memcpy(ret->boot_id, lease->boot_id.data, sizeof(ret->boot_id));
	ret->boottime = lease->boottime_ns;
	ret->wall = lease->wall_ns;
	return message_copy_text(ret->owner, sizeof(ret->owner), lease->owner);
}

size_t owner_write(uint64_t election_id, uint8_t ret[static OWNER_SIZE_MAX])
{
	Waymark__Store__V1__Owner message = WAYMARK__STORE__V1__OWNER__INIT;

	message.election_id = election_id;
	return waymark__store__v1__owner__pack(&message, ret);
}

int owner_read(const void *bytes, size_t size, uint64_t *ret_election_id)
{
	cleanup(message_done) struct message message;
	int r = message_read(&message, &waymark__store__v1__owner__descriptor, bytes, size);

	if (r == 0)
		*ret_election_id =
			((const Waymark__Store__V1__Owner *)message.base)->election_id;
	return r;
}
