/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps of the start: folders, kernel, engine.
 */
#include <errno.h>
#include <string.h>

#include "agent.h"
#include "core/engine.h"
#include "core/scitag.h"
#include "datapath/datapath.h"
#include "datapath/pin_folder.h"
#include "ops/boot_id.h"
#include "ops/log.h"
#include "ops/privileges.h"
#include "datapath/namespace.h"
#include "service/watch_hub.h"
#include "store/store.h"

int agent_hold_namespace(struct agent *agent)
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
	return r < 0 ? agent_fail(r, "hold the network namespace") : 0;
}

int agent_open_pins(struct agent *agent)
{
	const char *path = agent->config.pin_dir;
	char error[PIN_FOLDER_ERROR_MAX];
	int r;

	if (!path[0])
		return 0;
	r = pin_folder_open(path, &agent->pins, error);
	if (r == -ENOMEM)
		return agent_fail(r, "open the pin directory");
	if (r < 0)
		log_error("pin directory %s: %s", path, error);
	return r;
}

int agent_load_datapath(struct agent *agent)
{
	_Static_assert(CONFIG_MARKS_MAX + CONFIG_NETWORKS_MAX <= DATAPATH_MARKS_MAX,
		       "whatever may be configured can be loaded");
	const struct datapath_options options = {.marks = agent->config.capacity.marks,
						 .networks = agent->config.capacity.networks,
						 .pin_dir = agent->pins ? agent->config.pin_dir
									: NULL};
	const bool have_perfmon = privileges_have_perfmon();
	int r = datapath_open(&options, &agent->datapath);

	if (r < 0 && datapath_last_message()[0])
		log_error("%s", datapath_last_message());
	if (r == -EPERM)
		log_error("cannot load the BPF programs: needs root, or CAP_BPF, CAP_NET_ADMIN "
			  "and CAP_PERFMON");
	else if (r < 0)
		agent_fail(r, "load the BPF programs");
	else if (!have_perfmon)
		log_warning("CAP_PERFMON is missing: the kernel guards the programs against "
			    "speculation, which makes them about twice as slow");
	return r;
}

static void log_repairs(uint64_t repairs, void *user)
{
	(void)user;
	log_warning("audit: %lu entries of the kernel's maps were not as they should be, and "
		    "were put right",
		    (unsigned long)repairs);
}

static void announce(uint64_t revision, void *user)
{
	const struct agent *agent = user;

	(void)revision;
	watch_hub_published(agent->watches);
}

static int start_watches(struct agent *agent)
{
	int r = watch_hub_start(agent->watches, &agent->service);

	return r < 0 ? agent_fail(r, "start the watches") : 0;
}

int agent_read_marks(struct agent *agent)
{
	struct engine_options options = {.datapath = agent->datapath,
					 .store = agent->store,
					 .audit_interval = agent->config.audit_interval *
							   INT64_C(1000000000),
					 .repaired = log_repairs,
					 .store_failed = agent_store_failed,
					 .published = announce,
					 .user = agent};
	const struct watch_limits limits = {.watchers = SERVICE_WATCHERS_MAX,
					    .heartbeat = SERVICE_HEARTBEAT,
					    .stall = SERVICE_WATCH_STALL};
	int r = boot_id_read(options.boot_id);

	if (r == 0) {
		agent->watches = watch_hub_new(&limits);
		r = agent->watches ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = engine_new(&options, &agent->engine);
	if (r < 0)
		return agent_fail(r, "read the marks");
	agent->service.engine = agent->engine;
	agent->service.datapath = agent->datapath;
	agent->service.attach = agent->attach;
	agent->service.watches = agent->watches;
	service_init(&agent->service);
	atomic_store(&agent->is_readable, true);
	return 0;
}

int agent_start_engine(struct agent *agent)
{
	struct engine_restored restored = {0};
	int r = datapath_start_helper(agent->datapath);

	if (r == 0)
		r = engine_start(agent->engine, &restored);
	if (r < 0)
		return agent_fail(r, "bring the marks into force");
	log_info("restored: %lu marks, %lu of them were in force; %lu unknown ones removed",
		 (unsigned long)restored.marks, (unsigned long)restored.adopted,
		 (unsigned long)restored.stray);
	return start_watches(agent);
}
