/* SPDX-License-Identifier: Apache-2.0 */
#include "position.h"

#include <stdio.h>
#include <string.h>

void position_take(struct position *position, const Waymark__V1__WatchMarksRequest *request,
		   const Waymark__V1__WatchMarksResponse *message)
{
	const Waymark__V1__ResponseHeader *header = message->header;
	bool created =
		message->content_case == WAYMARK__V1__WATCH_MARKS_RESPONSE__CONTENT_CREATED;

	/* Only without a snapshot does `created` stand for a state that the user has. */
	if (!header || (created && !request->updates_only) || !header->revision ||
	    strlen(header->state_id) >= sizeof(position->state_id))
		return;
	(void)snprintf(position->state_id, sizeof(position->state_id), "%s", header->state_id);
	position->revision = header->revision;
}

bool position_reset(struct position *position, const Waymark__V1__WatchMarksRequest *request)
{
	bool resumed = position->revision || (!position->fresh && request->resume_revision);

	*position = (struct position){.fresh = true};
	return resumed;
}

Waymark__V1__WatchMarksRequest position_request(const struct position *position,
						const Waymark__V1__WatchMarksRequest *request)
{
	Waymark__V1__WatchMarksRequest next = *request;

	if (position->revision) {
		next.resume_state_id = (char *)position->state_id;
		next.resume_revision = position->revision;
		/* A resume brings what was missed, too. */
		next.updates_only = false;
	} else if (position->fresh) {
		next.resume_state_id = (char *)"";
		next.resume_revision = 0;
	}
	return next;
}
