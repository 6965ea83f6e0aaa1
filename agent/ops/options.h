/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of waymarkd. Main thread only.
 */
#ifndef WAYMARK_OPTIONS_H
#define WAYMARK_OPTIONS_H

#include <stdio.h>

#include "ops/config.h"

/* The process's status after wrong options or a wrong configuration. */
#define OPTIONS_EXIT_USAGE 2

enum options_action {
	OPTIONS_RUN, /* no option asks for it */
	OPTIONS_CHECK, /* stop here: the configuration is good */
	OPTIONS_CLEAN, /* take everything of ours off the host */
	OPTIONS_BACKUP, /* copy the state into a file */
	OPTIONS_RESTORE, /* make the state from such a file */
	OPTIONS_HELP,
	OPTIONS_VERSION,
};

/* Fills a config from defaults, --config's file and the options, which replace what the file
 * says or, where they are lists, extend it. With OPTIONS_HELP and OPTIONS_VERSION neither the
 * file nor other options count. 0, or -EINVAL with one sentence that names option (or
 * file and line) and value; free the config in either case.
 * *ret_file is that of OPTIONS_BACKUP and _RESTORE, part of argv. May be called again with the
 * same arguments. */
int options_read(int argc, char *argv[], struct config *config, enum options_action *ret_action,
		 const char **ret_file, char error[static CONFIG_ERROR_MAX]);

void options_print_help(FILE *file);

#endif
