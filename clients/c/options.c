/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "error.h"

/* A day is beyond any use and keeps the C core's int milliseconds far from their end. */
#define TIME_MAX_MS INT64_C(86400000)

static int complete_time(const char *field, int64_t *value, int64_t minimum, int64_t otherwise,
			 struct waymark_error *error)
{
	if (!*value)
		*value = otherwise;
	if (*value >= minimum && *value <= TIME_MAX_MS)
		return 0;
	return error_set(error, WAYMARK_INVALID_ARGUMENT, field,
			 "%lld is not in %lld..%lld milliseconds", (long long)*value,
			 (long long)minimum, (long long)TIME_MAX_MS);
}

int options_complete(const struct waymark_options *options, struct waymark_options *ret,
		     struct waymark_error *error)
{
	struct waymark_options all = *options;
	const struct {
		const char *field;
		int64_t *value, minimum, otherwise;
	} times[] = {
		{"connect_timeout_ms", &all.connect_timeout_ms, 1, 5000},
		{"call_timeout_ms", &all.call_timeout_ms, 1, 10000},
		{"replace_timeout_ms", &all.replace_timeout_ms, 1, 300000},
		/* RPC_PING_INTERVAL_MIN_MS of the agent. */
		{"keepalive_time_ms", &all.keepalive_time_ms, 10000, 30000},
		{"keepalive_timeout_ms", &all.keepalive_timeout_ms, 1, 10000},
	};
	int code = 0;

	if (!all.target)
		return error_set(error, WAYMARK_INVALID_ARGUMENT, "target", "missing");
	if (!all.max_attempts)
		all.max_attempts = 5;
	for (size_t i = 0; !code && i < sizeof(times) / sizeof(times[0]); i++)
		code = complete_time(times[i].field, times[i].value, times[i].minimum,
				     times[i].otherwise, error);
	if (!code)
		*ret = all;
	return code;
}
