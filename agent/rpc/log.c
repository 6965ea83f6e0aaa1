/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/log.h"

#include <grpc/support/log.h>
#include <stdatomic.h>
#include <stdio.h>

#include "rpc/server.h"

typedef void log_function(int severity, const char *text);

static void log_print(int severity, const char *text)
{
	if (severity >= RPC_LOG_ERROR)
		fprintf(stderr, "grpc: %s\n", text);
}

static _Atomic(log_function *) log_target = log_print;

static void log_take(gpr_log_func_args *args)
{
	log_function *target = atomic_load(&log_target);

	target((int)args->severity, args->message);
}

void log_init(void)
{
	gpr_set_log_verbosity(GPR_LOG_SEVERITY_INFO);
	gpr_set_log_function(log_take);
}

void rpc_set_log(void (*function)(int severity, const char *text))
{
	atomic_store(&log_target, function ? function : log_print);
}
