/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/registry_file.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "ops/read_file.h"

int registry_load(const char *path, struct registry **ret, struct fault *fault)
{
	cleanup(free_bytes) char *json = NULL;
	struct fault inner = {.message = ""};
	size_t length = 0;
	int r;

	if (!path)
		return registry_builtin(ret);
	r = read_file(path, &json, &length);
	if (r < 0) {
		fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_REGISTRY, NULL,
			  "registry %s: %s", path, strerror(-r));
		return r;
	}
	r = registry_parse(json, length, ret, &inner);
	if (r == -EINVAL)
		fault_set(fault, FAULT_INVALID_ARGUMENT, FAULT_REASON_REGISTRY, NULL,
			  "registry %s: %s", path, inner.message);
	return r;
}
