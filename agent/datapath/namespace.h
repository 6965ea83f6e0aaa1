/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One agent a network namespace: two would mark every packet twice, and each would take what
 * the other has attached for leftovers. The promise is a flock(2) on the namespace itself,
 * which ends with the process, whatever folders and listeners it was given.
 */
#ifndef WAYMARK_NAMESPACE_H
#define WAYMARK_NAMESPACE_H

#include <sys/types.h>

/* Holds this process's network namespace until *ret_fd is closed. 0 or negative errno; both
 * leave *ret_fd alone and set *ret_holder, 0 if it is unknown: -EBUSY: another agent holds it.
 * -EPERM: a process of a user who cannot run agents does, for everybody may lock a file that
 * he can open. That must not keep an agent from starting, which does without the promise then.
 */
int namespace_hold(int *ret_fd, pid_t *ret_holder);

#endif
