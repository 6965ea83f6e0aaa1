/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <signal.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	/* Names mean what they mean to every other program here: nsswitch, not c-ares. */
	(void)setenv("GRPC_DNS_RESOLVER", "native", 0);
	/* A closed pipe is an error of the write, not our end. */
	(void)signal(SIGPIPE, SIG_IGN);
	waymark_quiet();
	return cli_run((const char **)argv + (argc > 0), stdout, stderr);
}
