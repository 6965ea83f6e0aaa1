/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps of the start: the audit log.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent.h"
#include "ops/audit_log.h"
#include "ops/log.h"

/* That the disk is full is no reason to stop marking. */
static void report(int error, uint64_t lost, void *user)
{
	const struct agent *agent = user;
	const char *path = agent->config.audit.file;

	if (error == -ENOBUFS)
		log_error("audit log %s: lines come faster than they can be written; some are "
			  "lost",
			  path);
	else if (error < 0 && lost > 0)
		log_error("audit log %s: %s; lines are lost until it can be written again",
			  path, strerrordesc_np(-error));
	else if (error < 0)
		log_error("audit log %s: %s; the file that was open stays in use", path,
			  strerrordesc_np(-error));
	else
		log_info("audit log %s: written again, %" PRIu64 " lines were lost", path,
			 lost);
}

int agent_open_audit(struct agent *agent)
{
	const struct audit_log_options options = {
		.path = agent->config.audit.file, .report = report, .user = agent};
	int r;

	if (!options.path)
		return 0;
	r = audit_log_open(&options, &agent->audit);
	if (r < 0) {
		log_error("audit log %s: %s", options.path, strerrordesc_np(-r));
		return r;
	}
	agent->service.audit = agent->audit;
	return 0;
}

int agent_start_audit(struct agent *agent)
{
	int r = agent->audit ? audit_log_start(agent->audit) : 0;

	return r < 0 ? agent_fail(r, "start the audit log") : 0;
}
