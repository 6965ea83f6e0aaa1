/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/privileges.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>

/* What a kernel of this age and those before it demand after the start. */
struct demand {
	unsigned int before; /* major << 8 | minor of the first that does not */
	const char *name;
	unsigned int capabilities[2];
	size_t n;
};

static const struct demand demands[] = {
	/* Unprivileged bpf() is refused as a whole. */
	{5 << 8 | 19, "CAP_BPF and CAP_NET_ADMIN", {CAP_BPF, CAP_NET_ADMIN}, 2},
	/* No tcx links: filters of clsact come and go by rtnetlink. */
	{6 << 8 | 6, "CAP_NET_ADMIN", {CAP_NET_ADMIN}, 1},
};

static const struct demand nothing = {0, "none", {0}, 0};

static const struct demand *demand_of_kernel(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	if (uname(&name) == 0)
		sscanf(name.release, "%u.%u", &major, &minor);
	for (size_t i = 0; i < sizeof(demands) / sizeof(demands[0]); i++)
		if ((major << 8 | minor) < demands[i].before)
			return &demands[i];
	return &nothing;
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

int privileges_drop(const struct privileges_path paths[], size_t n,
		    struct privileges_report *ret, char error[static PRIVILEGES_ERROR_MAX])
{
	const struct demand *demand = demand_of_kernel();
	int r = drop_capabilities(demand), restricted;

	if (r < 0)
		return explain(r, "drop capabilities", error);
	r = close_process();
	if (r < 0)
		return explain(r, "give up new privileges", error);
	restricted = landlock_restrict(paths, n);
	if (restricted < 0 && restricted != -EOPNOTSUPP)
		return explain(restricted, "restrict the files", error);
	r = syscalls_restrict();
	if (r < 0)
		return explain(r, "restrict the system calls", error);
	ret->kept = demand->name;
	ret->files_restricted = restricted == 0;
	return 0;
}
