/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two places of an interface where a program may hang.
 */
#ifndef WAYMARK_HOOK_H
#define WAYMARK_HOOK_H

enum hook {
	HOOK_EGRESS, /* the program that marks */
	HOOK_INGRESS, /* the one that observes */
	HOOKS
};

static inline const char *hook_name(enum hook hook)
{
	return hook == HOOK_EGRESS ? "egress" : "ingress";
}

#endif
