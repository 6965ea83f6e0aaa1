/* SPDX-License-Identifier: Apache-2.0 */
#include "failpoint.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *wanted; /* "name" or "name:count"; NULL: none */
static size_t wanted_length; /* of the name */
static atomic_ulong left = 1;

static void read_environment(void)
{
	const char *colon;

	wanted = getenv("WAYMARK_FAILPOINT");
	if (!wanted)
		return;
	colon = strchr(wanted, ':');
	wanted_length = colon ? (size_t)(colon - wanted) : strlen(wanted);
	if (colon)
		left = strtoul(colon + 1, NULL, 10);
}

void failpoint_pass(const char *name)
{
	pthread_once(&once, read_environment);
	if (!wanted || strlen(name) != wanted_length ||
	    memcmp(name, wanted, wanted_length) != 0)
		return;
	if (atomic_fetch_sub(&left, 1) == 1)
		raise(SIGKILL); /* kill() is no call that the agent may still make */
}
