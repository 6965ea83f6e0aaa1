/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>

/* What has to stay. */
struct demand {
	const char *name;
	unsigned int capabilities[2];
	size_t n;
};

static const struct demand nothing = {"none", {0}, 0};
static const struct demand net_admin = {"CAP_NET_ADMIN", {CAP_NET_ADMIN}, 1};
static const struct demand all_bpf = {"CAP_BPF and CAP_NET_ADMIN", {CAP_BPF, CAP_NET_ADMIN}, 2};

/* Before 5.19 the kernel refuses bpf() as a whole to the unprivileged. To try it out would need
 * a thread that is unprivileged already. */
static bool kernel_demands_bpf(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	if (uname(&name) == 0)
		sscanf(name.release, "%u.%u", &major, &minor);
	return major < 5 || (major == 5 && minor < 19);
}

static const struct demand *find_demand(const struct privileges_options *options)
{
	if (kernel_demands_bpf())
		return &all_bpf;
	return options->keep_net_admin ? &net_admin : &nothing;
}

/* The bounding set too, as long as we may: it is what an exec would start from. */
static int drop_capabilities(const struct demand *demand)
{
	const bool may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);

	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < demand->n; i++)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
			     demand->capabilities[i]);
	if (may_bound && capng_apply(CAPNG_SELECT_BOUNDS) < 0)
		return -EPERM;
	/* Ambient ones go with the permitted ones; those that stay must not be inherited. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	return capng_apply(CAPNG_SELECT_CAPS) < 0 ? -EPERM : 0;
}

bool privileges_have_perfmon(void)
{
	return capng_have_capability(CAPNG_EFFECTIVE, CAP_PERFMON) ||
	       capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN);
}

/* Nobody attaches a debugger to what a leak checker has to look into. */
static int close_process(void)
{
#ifndef __SANITIZE_ADDRESS__
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
#endif
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int explain(int error, const char *step, char text[static PRIVILEGES_ERROR_MAX])
{
	snprintf(text, PRIVILEGES_ERROR_MAX, "cannot %s: %s", step, strerrordesc_np(-error));
	return error;
}

int privileges_drop(const struct privileges_options *options, struct privileges_report *ret,
		    char error[static PRIVILEGES_ERROR_MAX])
{
	const struct demand *demand = find_demand(options);
	int r = drop_capabilities(demand), restricted;

	if (r < 0)
		return explain(r, "drop capabilities", error);
	r = close_process();
	if (r < 0)
		return explain(r, "give up new privileges", error);
	restricted = landlock_restrict(options->paths, options->n_paths);
	if (restricted < 0 && restricted != -EOPNOTSUPP)
		return explain(restricted, "restrict the files", error);
	r = syscalls_restrict();
	if (r < 0)
		return explain(r, "restrict the system calls", error);
	ret->kept = demand->name;
	ret->files_restricted = restricted == 0;
	return 0;
}
