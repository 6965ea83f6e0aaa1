/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells systemd that the agent is alive, as long as the threads that do the work are: the
 * writer answers a question through its queue, each thread of the RPCs' queue gives its sign of
 * life, and every listener takes a connection and answers what it asks. One that hangs makes
 * systemd start the agent anew; marks stay in force.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdatomic.h>
#include <systemd/sd-daemon.h>

#include "agent.h"
#include "ops/log.h"

/* Looks so often within the time that systemd gives. */
#define LOOKS 4

static unsigned int look_ms(const struct watchdog *watchdog)
{
	return (unsigned int)(watchdog->usec / 1000 / LOOKS);
}

/* Nothing is to be done: the question is whether its turn comes. */
static bool not_wanted(struct engine_op *op)
{
	(void)op;
	return false;
}

static void answered(struct engine_op *op)
{
	struct watchdog *watchdog = (struct watchdog *)op;

	atomic_store(&watchdog->answered, true);
}

static void ask_writer(struct agent *agent)
{
	struct watchdog *watchdog = &agent->watchdog;

	watchdog->question = (struct engine_op){
		.verb = ENGINE_APPLY, .owner = "agent", .wanted = not_wanted, .done = answered};
	atomic_store(&watchdog->answered, false);
	engine_submit(agent->engine, &watchdog->question);
}

/* NULL: nobody. */
static const char *who_hangs(const struct agent *agent)
{
	const struct watchdog *watchdog = &agent->watchdog;
	const char *silent_listener = rpc_server_probe(agent->server);

	if (!atomic_load(&watchdog->answered))
		return "the writer thread";
	if (!rpc_server_is_alive(agent->server, 2 * look_ms(watchdog)))
		return "an rpc thread";
	return silent_listener;
}

static void look(evutil_socket_t fd, short what, void *user)
{
	struct agent *agent = user;
	struct watchdog *watchdog = &agent->watchdog;
	const char *who = who_hangs(agent);

	(void)fd;
	(void)what;
	if (who && !watchdog->is_told)
		log_warning("the watchdog waits: no answer from %s", who);
	watchdog->is_told = who != NULL;
	if (who)
		return;
	sd_notify(0, "WATCHDOG=1");
	ask_writer(agent);
}

unsigned int agent_pulse(struct agent *agent)
{
	if (sd_watchdog_enabled(0, &agent->watchdog.usec) <= 0)
		agent->watchdog.usec = 0;
	return look_ms(&agent->watchdog);
}

int agent_start_watchdog(struct agent *agent)
{
	struct watchdog *watchdog = &agent->watchdog;
	const unsigned int ms = look_ms(watchdog);
	const struct timeval every = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	if (ms == 0)
		return 0;
	watchdog->timer = event_new(agent->base, -1, EV_PERSIST, look, agent);
	if (!watchdog->timer || event_add(watchdog->timer, &every) < 0)
		return agent_fail(-ENOMEM, "start the watchdog");
	ask_writer(agent);
	return 0;
}
