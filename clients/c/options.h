/* SPDX-License-Identifier: Apache-2.0 */
/* Checks struct waymark_options. Pure functions. */
#ifndef WAYMARK_CLIENT_OPTIONS_H
#define WAYMARK_CLIENT_OPTIONS_H

#include "waymark/client.h"

/* Copies the options with every default filled in. 0, or INVALID_ARGUMENT for a target that is
 * missing and numbers that are out of range. */
int options_complete(const struct waymark_options *options, struct waymark_options *ret,
		     struct waymark_error *error);

#endif
