/* SPDX-License-Identifier: Apache-2.0 */
/*
 * waymarkd: configure, log, load, attach, serve, drain. Or: clean up.
 */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "core/engine.h"
#include "core/scitag.h"
#include "datapath/attach.h"
#include "datapath/clean.h"
#include "datapath/datapath.h"
#include "datapath/links.h"
#include "datapath/namespace.h"
#include "datapath/pin_folder.h"
#include "descriptor_set.h"
#include "ops/boot_id.h"
#include "ops/config.h"
#include "ops/log.h"
#include "ops/options.h"
#include "ops/registry_file.h"
#include "rpc/server.h"
#include "service/service.h"
#include "store/store.h"

/* Calls in flight get so long to finish when the agent stops. */
#define DRAIN_MS 2000

/* Everything that lives as long as the process, in the order in which it is made. */
struct agent {
	struct config config;
	struct event_base *base; /* the main loop */
	struct event *terminate, *interrupt, *news;
	struct registry *registry;
	int namespace; /* held, or -1 */
	struct pin_folder *pins; /* NULL: nothing is pinned */
	struct store *store;
	struct datapath *datapath;
	struct attach *attach;
	struct links *links;
	struct engine *engine;
	struct service service;
	struct rpc_service methods;
	struct rpc_server *server;
	bool serving;
};

static int fail(int error, const char *step)
{
	log_error("cannot %s: %s", step, strerror(-error));
	return error;
}

static void stop(evutil_socket_t signal, short what, void *user)
{
	(void)what;
	log_info("stopping on signal %d", (int)signal);
	event_base_loopbreak(user);
}

/* From here on a signal waits until the main loop runs. */
static int catch_signals(struct agent *agent)
{
	signal(SIGPIPE, SIG_IGN);
	agent->base = event_base_new();
	if (!agent->base)
		return fail(-ENOMEM, "make the main loop");
	agent->terminate = evsignal_new(agent->base, SIGTERM, stop, agent->base);
	agent->interrupt = evsignal_new(agent->base, SIGINT, stop, agent->base);
	if (!agent->terminate || !agent->interrupt || event_add(agent->terminate, NULL) < 0 ||
	    event_add(agent->interrupt, NULL) < 0)
		return fail(-ENOMEM, "catch signals");
	return 0;
}

static int load_registry(struct agent *agent)
{
	struct fault fault = {.message = "no memory for the registry"};
	int r = registry_load(agent->config.registry, &agent->registry, &fault);

	if (r < 0)
		log_error("%s", fault.message);
	return r;
}

/* From here on we are the only agent in this network namespace. */
static int hold_namespace(struct agent *agent)
{
	pid_t holder = 0;
	int r = namespace_hold(&agent->namespace, &holder);

	if (r == -EPERM) {
		log_warning("process %d, which is no agent, has locked this network namespace: "
			    "nothing keeps a second agent from starting",
			    holder);
		return 0;
	}
	if (r == -EBUSY) {
		log_error("another agent, process %d, runs in this network namespace: one at a "
			  "time",
			  holder);
		return r;
	}
	return r < 0 ? fail(r, "hold the network namespace") : 0;
}

/* From here on no other agent uses the folder. */
static int open_pins(struct agent *agent)
{
	const char *path = agent->config.pin_dir;
	char error[PIN_FOLDER_ERROR_MAX];
	int r;

	if (!path[0])
		return 0;
	r = pin_folder_open(path, &agent->pins, error);
	if (r == -ENOMEM)
		return fail(r, "open the pin directory");
	if (r < 0)
		log_error("pin directory %s: %s", path, error);
	return r;
}

static int load_datapath(struct agent *agent)
{
	_Static_assert(CONFIG_MARKS_MAX + CONFIG_NETWORKS_MAX <= DATAPATH_MARKS_MAX,
		       "whatever may be configured can be loaded");
	const struct datapath_options options = {.marks = agent->config.capacity.marks,
						 .networks = agent->config.capacity.networks,
						 .pin_dir = agent->pins ? agent->config.pin_dir
									: NULL};
	int r = datapath_open(&options, &agent->datapath);

	if (r < 0 && datapath_last_message()[0])
		log_error("%s", datapath_last_message());
	if (r == -EPERM)
		log_error("cannot load the BPF programs: needs root, or CAP_BPF, CAP_NET_ADMIN "
			  "and CAP_PERFMON");
	else if (r < 0)
		fail(r, "load the BPF programs");
	return r;
}

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

static int prepare_attach(struct agent *agent)
{
	const struct attach_options options = {.mode = attach_mode(agent->config.attach),
					       .pins = agent->pins,
					       .observe = agent->config.observe_ingress};
	int r = attach_new(agent->datapath, &options, &agent->attach);

	if (r < 0)
		return fail(r, "prepare the interfaces");
	registry_each(agent->registry, know_pair, agent->datapath);
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

/* An interface that cannot be had is no reason not to start: Stats says what is wrong. */
static int attach_interfaces(struct agent *agent)
{
	const struct config_list *names = &agent->config.interfaces;
	const struct links_options options = {
		.attach = agent->attach, .names = {names->items, names->n}, .report = log_link};
	int r = links_open(&options, &agent->links);

	if (r < 0)
		return fail(r, "follow the interfaces");
	agent->news =
		event_new(agent->base, links_fd(agent->links), EV_READ, follow_links, agent);
	if (!agent->news || event_add(agent->news, NULL) < 0)
		return fail(-ENOMEM, "follow the interfaces");
	if (names->n == 0)
		log_warning("no interfaces configured: nothing will be marked");
	return 0;
}

static int open_store(struct agent *agent)
{
	const struct store_options options = {.directory = agent->config.state_dir};
	char error[STORE_ERROR_MAX] = "";
	int r = store_open(&options, &agent->store, error);

	if (r < 0)
		log_error("%s", error);
	return r;
}

static void log_repairs(uint64_t repairs, void *user)
{
	(void)user;
	log_warning("audit: %lu entries of the kernel's maps were not as they should be, and "
		    "were put right",
		    (unsigned long)repairs);
}

static int start_engine(struct agent *agent)
{
	struct engine_options options = {.datapath = agent->datapath,
					 .store = agent->store,
					 .audit_interval = agent->config.audit_interval *
							   INT64_C(1000000000),
					 .repaired = log_repairs};
	struct engine_restored restored = {.marks = 0};
	int r = boot_id_read(options.boot_id);

	if (r == 0)
		r = engine_new(&options, &agent->engine, &restored);
	if (r < 0)
		return fail(r, "start the engine");
	log_info("restored: %lu marks, %lu of them were in force; %lu unknown ones removed",
		 (unsigned long)restored.marks, (unsigned long)restored.adopted,
		 (unsigned long)restored.stray);
	agent->service = (struct service){.engine = agent->engine,
					  .datapath = agent->datapath,
					  .attach = agent->attach,
					  .registry = agent->registry};
	service_init(&agent->service);
	agent->methods = service_methods(&agent->service);
	return 0;
}

static int listen_everywhere(struct agent *agent)
{
	const struct config *config = &agent->config;
	const struct rpc_tls_files files = {.certificate = config->tls.certificate,
					    .key = config->tls.key,
					    .client_ca = config->tls.client_ca};
	const struct rpc_tls_files *tls = files.certificate ? &files : NULL;

	for (size_t i = 0; i < config->listen.n; i++) {
		const char *error;
		int r = rpc_server_listen(agent->server, config->listen.items[i], tls,
					  config->insecure_loopback, &error);

		if (r < 0) {
			log_error("%s", error);
			return r;
		}
		log_info("listening on %s", config->listen.items[i]);
	}
	return 0;
}

static void log_rpc(int severity, const char *text)
{
	log_write(severity == RPC_LOG_ERROR ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG, NULL,
		  "grpc: %s", text);
}

/* Whoever connects waits until the server starts. */
static int make_server(struct agent *agent)
{
	const struct rpc_options options = {.error_domain = SERVICE_ERROR_DOMAIN,
					    .admit = service_admit,
					    .descriptor_set = descriptor_set,
					    .descriptor_set_size = descriptor_set_size()};
	int r;

	rpc_set_log(log_rpc);
	r = rpc_server_new(&options, &agent->server);
	if (r == 0)
		r = rpc_server_add_service(agent->server, &agent->methods);
	if (r < 0)
		return fail(r, "make the server");
	return listen_everywhere(agent);
}

static int start_server(struct agent *agent)
{
	int r = rpc_server_start(agent->server);

	if (r < 0)
		return fail(r, "start the server");
	agent->serving = true;
	rpc_server_set_serving(agent->server, true);
	log_info("serving, version %s", WAYMARK_VERSION);
	return 0;
}

static int run(struct agent *agent)
{
	int r = catch_signals(agent);

	if (r == 0)
		r = load_registry(agent);
	if (r == 0)
		r = hold_namespace(agent);
	if (r == 0)
		r = open_pins(agent);
	if (r == 0)
		r = load_datapath(agent);
	if (r == 0)
		r = prepare_attach(agent);
	if (r == 0)
		r = open_store(agent);
	if (r == 0)
		r = start_engine(agent);
	if (r == 0)
		r = make_server(agent);
	/* Not before: what an earlier agent left marks until ours knows the marks, and an agent
	 * that nobody can reach attaches nothing. */
	if (r == 0)
		r = attach_interfaces(agent);
	if (r == 0)
		r = start_server(agent);
	if (r == 0 && event_base_dispatch(agent->base) < 0)
		r = fail(-EIO, "run the main loop");
	return r;
}

static void clean_up(const struct agent *agent)
{
	struct clean_count count = clean(agent->pins);

	log_info("taken off: %u links, %u filters, %u other pins", count.links, count.filters,
		 count.pins);
}

/* --clean. A folder that is not there holds nothing of ours. */
static int clean_only(struct agent *agent)
{
	const char *path = agent->config.pin_dir;
	int r = hold_namespace(agent);

	if (r == 0 && path[0] && access(path, F_OK) == 0)
		r = open_pins(agent);
	if (r == 0)
		clean_up(agent);
	return r;
}

/* In reverse: nobody calls the engine any more once the server has drained. */
static void done(struct agent *agent)
{
	/* An agent that gave way to another one must not take that one's filters off. */
	const bool clean_after = agent->config.detach && agent->pins && agent->attach;

	if (agent->serving)
		rpc_server_drain(agent->server, DRAIN_MS);
	engine_free(agent->engine);
	rpc_server_free(agent->server);
	if (agent->news)
		event_free(agent->news);
	links_close(agent->links);
	attach_free(agent->attach, agent->config.detach);
	datapath_close(agent->datapath);
	if (clean_after)
		clean_up(agent);
	pin_folder_close(agent->pins);
	if (agent->namespace >= 0)
		close(agent->namespace);
	store_close(agent->store);
	registry_free(agent->registry);
	if (agent->terminate)
		event_free(agent->terminate);
	if (agent->interrupt)
		event_free(agent->interrupt);
	if (agent->base)
		event_base_free(agent->base);
	config_done(&agent->config);
}

int main(int argc, char *argv[])
{
	struct agent agent = {.namespace = -1};
	enum options_action action;
	char error[CONFIG_ERROR_MAX];
	int r = options_read(argc, argv, &agent.config, &action, error);

	if (r < 0) {
		fprintf(stderr, "waymarkd: %s\n", error);
		config_done(&agent.config);
		return OPTIONS_EXIT_USAGE;
	}
	log_set(agent.config.log.level, agent.config.log.format);
	if (action == OPTIONS_HELP)
		options_print_help(stdout);
	else if (action == OPTIONS_VERSION)
		printf("waymarkd %s\n", WAYMARK_VERSION);
	else if (action == OPTIONS_RUN)
		r = run(&agent);
	else if (action == OPTIONS_CLEAN)
		r = clean_only(&agent);
	done(&agent);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
