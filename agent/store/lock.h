/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process at a time in a directory: a locked file that says who it is.
 */
#ifndef WAYMARK_STORE_LOCK_H
#define WAYMARK_STORE_LOCK_H

/* Makes the directory (mode 0700) if it is missing. 0 and a file descriptor that holds the
 * lock until it is closed; -EBUSY: `error` names the holder; else negative errno. */
int lock_directory(const char *directory, int *ret_fd, char *error);

#endif
