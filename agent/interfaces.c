/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps of the start: the program on the interfaces, as they come and go.
 */
#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "agent.h"
#include "core/fault.h"
#include "core/scitag.h"
#include "datapath/attach.h"
#include "datapath/datapath.h"
#include "datapath/links.h"
#include "ops/log.h"
#include "service/policy.h"

static enum attach_mode attach_mode(enum config_attach wanted)
{
	switch (wanted) {
	case CONFIG_ATTACH_TCX:
		return ATTACH_TCX;
	case CONFIG_ATTACH_CLSACT:
		return ATTACH_CLSACT;
	case CONFIG_ATTACH_AUTO:
		break;
	}
	return ATTACH_NONE;
}

static int know_pair(uint16_t experiment, const char *experiment_name, uint8_t activity,
		     const char *activity_name, void *user)
{
	(void)experiment_name;
	(void)activity_name;
	datapath_know_pair(user, experiment, activity);
	return 0;
}

int agent_load_registry(struct agent *agent)
{
	struct fault fault = {.message = "no memory for the registry"};
	int r = registries_load(&agent->registries, agent->config.registry, &fault);

	if (r < 0)
		log_error("%s", fault.message);
	return r;
}

int agent_load_policy(struct agent *agent)
{
	const struct registry *registry = registries_newest(&agent->registries);
	char error[POLICY_ERROR_MAX];
	int r = policies_load(&agent->policies, agent->config.policy, registry, error);

	if (r < 0)
		log_error("%s", error);
	else
		agent->service.policy = policies_newest(&agent->policies);
	return r;
}

void agent_use_registry(struct agent *agent)
{
	const struct registry *registry = registries_newest(&agent->registries);

	registry_each(registry, know_pair, agent->datapath);
	agent->service.registry = registry;
}

int agent_prepare_attach(struct agent *agent)
{
	const struct attach_options options = {.mode = attach_mode(agent->config.attach),
					       .pins = agent->pins,
					       .observe = agent->config.observe_ingress};
	int r = attach_new(agent->datapath, &options, &agent->attach);

	if (r < 0)
		return agent_fail(r, "prepare the interfaces");
	agent_use_registry(agent);
	datapath_observe(agent->datapath, agent->config.observe_ingress);
	return 0;
}

static void log_link(enum links_event event, const struct attach_interface *interface,
		     void *user)
{
	(void)user;
	switch (event) {
	case LINKS_ATTACHED:
		log_info("interface %s: attached", interface->name);
		break;
	case LINKS_FAILED:
		log_warning("interface %s: %sattached: %s", interface->name,
			    interface->mode == ATTACH_NONE ? "not " : "not entirely ",
			    interface->error);
		break;
	case LINKS_DETACHED:
		log_info("interface %s: detached", interface->name);
		break;
	}
}

/* After a failure it is tried again in a second, or as soon as there is news. */
static void follow_links(evutil_socket_t fd, short what, void *user)
{
	static const struct timeval second = {.tv_sec = 1};
	struct agent *agent = user;
	int r = links_read(agent->links);

	(void)fd;
	(void)what;
	if (r < 0)
		log_warning("cannot follow the interfaces: %s", strerror(-r));
	event_add(agent->news, r < 0 ? &second : NULL);
}

static struct stack_names wanted_names(const struct agent *agent)
{
	const struct config_list *names = &agent->config.interfaces;

	return (struct stack_names){names->items, names->n};
}

int agent_want_interfaces(struct agent *agent)
{
	const struct stack_names names = wanted_names(agent);

	return links_want(agent->links, &names);
}

int agent_attach_interfaces(struct agent *agent)
{
	const struct links_options options = {
		.attach = agent->attach, .names = wanted_names(agent), .report = log_link};
	int r = links_open(&options, &agent->links);

	if (r < 0)
		return agent_fail(r, "follow the interfaces");
	r = datapath_leave_old_maps(agent->datapath);
	if (r < 0)
		log_warning("cannot take over what maps of an earlier agent have counted: %s; "
			    "the next start does it",
			    strerror(-r));
	agent->news =
		event_new(agent->base, links_fd(agent->links), EV_READ, follow_links, agent);
	if (!agent->news || event_add(agent->news, NULL) < 0)
		return agent_fail(-ENOMEM, "follow the interfaces");
	if (options.names.n == 0)
		log_warning("no interfaces configured: nothing will be marked");
	return 0;
}
