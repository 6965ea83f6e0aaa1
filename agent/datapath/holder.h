/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds the flock(2) that we did not get.
 */
#ifndef WAYMARK_HOLDER_H
#define WAYMARK_HOLDER_H

#include <sys/types.h>

/* Process with a flock on this file, 0 if the kernel does not tell us. */
pid_t holder_of(int fd);

/* Its effective user, -1 if the process is gone or hidden from us. */
uid_t holder_user(pid_t process);

#endif
