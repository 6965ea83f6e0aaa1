/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of listeners, as the configuration has them.
 */
#ifndef WAYMARK_RPC_ADDRESS_H
#define WAYMARK_RPC_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Is `host` an address of 127.0.0.0/8, "::1" or "localhost"? */
bool host_is_loopback(const char *host);

/* Splits "host:port" or "[v6]:port". 0, or -EINVAL. */
int address_split(const char *address, char *host, size_t host_size, int *ret_port);

/* The C core says only that it could not listen. Tries the same by hand: negative errno, or 0
 * if that works. */
int address_try(const char *host, int port);

/* Where a listener of this process is reached from within its host. 0 or -EADDRNOTAVAIL. */
int address_of_self(const char *host, int port, struct sockaddr_storage *ret,
		    socklen_t *ret_length);
/* Of a unix socket whose path fits. *ret is zeroed before. */
void address_of_path(const char *path, struct sockaddr_storage *ret, socklen_t *ret_length);

#endif
