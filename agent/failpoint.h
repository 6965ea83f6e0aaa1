/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places where a test can have the agent killed, by the environment:
 *
 *	WAYMARK_FAILPOINT=after-map:3	# the third time that FAILPOINT("after-map") is passed
 *
 * Without ":3" it is the first time. Nothing but the preset "dev" compiles them in.
 */
#ifndef WAYMARK_FAILPOINT_H
#define WAYMARK_FAILPOINT_H

#ifdef WAYMARK_FAILPOINTS
#define FAILPOINT(name) failpoint_pass(name)
#else
#define FAILPOINT(name) ((void)0)
#endif

/* SIGKILL to ourselves if it is this one's turn. Any thread. */
void failpoint_pass(const char *name);

#endif
