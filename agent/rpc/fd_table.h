/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is behind the descriptor numbers of the unix socket's connections.
 *
 * The C core closes a connection's descriptor without telling, and names the peer of a call
 * only by its number. A call that is still on its way when its connection closes must never be
 * taken for a call of the number's next owner, so the table hands out numbers of its own
 * range in turn, and one whose connection it has seen closed rests before it is used again.
 */
#ifndef WAYMARK_RPC_FD_TABLE_H
#define WAYMARK_RPC_FD_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

struct fd_table;

struct fd_table_options {
	int first, end; /* numbers in use: first <= n < end */
	size_t connections; /* open at once */
	size_t of_user; /* of them, of one user */
	int64_t rest_ms;
};

/* 0, -EINVAL for an empty range, or -ENOMEM. */
int fd_table_new(const struct fd_table_options *options, struct fd_table **ret);
void fd_table_free(struct fd_table *table);

/* Moves the descriptor to a number that has rested and remembers who is behind it. Returns
 * that number and closes fd, or -ENFILE (no number has rested), -EMFILE (too many connections
 * are open, in all or of this user) or another negative errno, and leaves fd alone. From one
 * thread; now_ms of any steady clock. */
int fd_table_place(struct fd_table *table, int fd, const struct ucred *peer, int64_t now_ms);

/* Who was behind this number when it was last placed? False: nobody. Any thread. */
bool fd_table_find(struct fd_table *table, int number, struct ucred *ret);

#endif
