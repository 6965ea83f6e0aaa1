/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP addresses that nobody reaches from another host, "127.0.0.1:9551" or "[::1]:9551". As
 * numbers only: what a name leads to is not ours to promise. Any thread.
 */
#ifndef WAYMARK_LOOPBACK_H
#define WAYMARK_LOOPBACK_H

#include <sys/socket.h>

/* 0, or -EINVAL: it is something else. */
int loopback_parse(const char *text, struct sockaddr_storage *ret, socklen_t *ret_length);

/* A socket that listens there, non-blocking, the caller's to close; or negative errno. */
int loopback_listen(const char *text);

#endif
