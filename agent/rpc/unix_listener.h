/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listening unix socket with an accept loop of its own. The C core's would steal the path
 * of a living server, does not know who connects, and dies when descriptors run out.
 */
#ifndef WAYMARK_RPC_UNIX_LISTENER_H
#define WAYMARK_RPC_UNIX_LISTENER_H

#include <sys/socket.h>

struct unix_listener;

/* Binds `path` with mode 0660; makes its folder if that is missing. A socket there that nobody
 * listens on is replaced. 0;
 * -EADDRINUSE: somebody lives there; -ENOTSOCK: the path is something else; -ENAMETOOLONG; or
 * another negative errno. */
int unix_listener_new(const char *path, struct unix_listener **ret);

/* Takes over a stream socket that listens already; its path is not ours to remove. 0 or
 * negative errno; fd is the caller's then. */
int unix_listener_adopt(int fd, struct unix_listener **ret);

/* For whoever accepts by themselves; the listener's. */
int unix_listener_fd(const struct unix_listener *listener);

/* Calls `accepted` for every connection, on a thread of its own; it takes over fd
 * (non-blocking, close-on-exec). 0 or negative errno. */
int unix_listener_start(struct unix_listener *listener,
			void (*accepted)(void *user, int fd, const struct ucred *peer),
			void *user);

/* Ends the thread and removes the path if it is still ours. NULL is fine. */
void unix_listener_free(struct unix_listener *listener);

#endif
