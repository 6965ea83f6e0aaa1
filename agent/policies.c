/* SPDX-License-Identifier: Apache-2.0 */
#include "policies.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "service/policy.h"

void policies_done(struct policies *policies)
{
	for (size_t i = 0; i < policies->n; i++)
		policy_free(policies->items[i]);
	free(policies->items);
	*policies = (struct policies){.items = NULL};
}

static int add(struct policies *policies, const char *path, const struct registry *registry,
	       char *error)
{
	struct policy **items =
		reallocarray(policies->items, policies->n + 1, sizeof(struct policy *));
	int r = -ENOMEM;

	if (items) {
		policies->items = items;
		r = path ? policy_load(path, registry, &items[policies->n], error)
			 : policy_builtin(&items[policies->n]);
	}
	if (r == -ENOMEM)
		snprintf(error, POLICY_ERROR_MAX, "no memory for the policy");
	policies->n += r == 0;
	return r;
}

int policies_load(struct policies *policies, const char *path, const struct registry *registry,
		  char *error)
{
	const struct file_stamp file = file_stamp_of(path);
	const bool is_missing = path && file_stamp_is_none(&file);
	int r;

	/* If it is missing, reading says so. */
	if (policies->n > 0 && !is_missing && registry == policies->registry &&
	    file_stamp_equal(&file, &policies->file))
		return 0;
	r = add(policies, path, registry, error);
	if (r == 0) {
		policies->file = file;
		policies->registry = registry;
	}
	return r;
}

const struct policy *policies_newest(const struct policies *policies)
{
	return policies->items[policies->n - 1];
}
