/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <stdlib.h>

#include <grpc/support/log.h>

#include "channel.h"
#include "error.h"
#include "options.h"

static int client_init(struct waymark_client *client, const struct waymark_options *options,
		       struct waymark_error *error)
{
	int code;

	client->call_timeout_ms = options->call_timeout_ms;
	client->replace_timeout_ms = options->replace_timeout_ms;
	client->max_attempts = options->max_attempts;
	client->wait_for_ready = options->wait_for_ready;
	grpc_init();
	code = channel_new(options, &client->channel, error);
	if (code)
		grpc_shutdown();
	return code;
}

int waymark_open(const struct waymark_options *options, struct waymark_client **ret,
		 struct waymark_error *error)
{
	struct waymark_options complete;
	struct waymark_client *client;
	int code = options_complete(options, &complete, error);

	if (code)
		return code;
	client = calloc(1, sizeof(*client));
	if (!client)
		return error_set(error, WAYMARK_INTERNAL, "", "no memory");
	code = client_init(client, &complete, error);
	if (code)
		free(client);
	else
		*ret = client;
	return code;
}

void waymark_close(struct waymark_client *client)
{
	if (!client)
		return;
	grpc_channel_destroy(client->channel);
	free(client);
	grpc_shutdown();
}

const char *waymark_version(void)
{
	return WAYMARK_VERSION;
}

static void log_nothing(gpr_log_func_args *arguments)
{
	(void)arguments;
}

void waymark_quiet(void)
{
	if (!getenv("GRPC_VERBOSITY"))
		gpr_set_log_function(log_nothing);
}
