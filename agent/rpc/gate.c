/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "now.h"
#include "rpc/limits.h"

/* The C core closes connections without telling: one is over when its number is no socket any
 * more, or another one. */
struct guest {
	int fd; /* -1: nobody */
	ino_t socket;
	uint8_t peer[16];
};

static struct {
	atomic_bool is_open;
	pthread_mutex_t lock; /* what follows */
	struct guest *guests;
	size_t n; /* places that there are */
	size_t connections, of_peer; /* that may be taken: in all, by one peer */
	int64_t looked; /* at everybody; monotonic ns */
	int reserve; /* given up to be able to refuse when descriptors run out */
	struct gate_refusals refusals;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .reserve = -1};

static int reserve_open(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* With the lock. */
static int gate_grow(size_t n)
{
	struct guest *guests;

	if (n <= gate.n)
		return 0;
	guests = reallocarray(gate.guests, n, sizeof(*guests));
	if (!guests)
		return -ENOMEM;
	for (size_t i = gate.n; i < n; i++)
		guests[i] = (struct guest){.fd = -1};
	gate.guests = guests;
	gate.n = n;
	return 0;
}

int gate_open(size_t connections, size_t of_peer)
{
	int err = 0;

	pthread_mutex_lock(&gate.lock);
	if (gate.reserve < 0)
		gate.reserve = reserve_open();
	if (gate.reserve < 0)
		err = -EMFILE;
	if (!err)
		err = gate_grow(connections);
	if (!err) {
		gate.connections = connections;
		gate.of_peer = of_peer;
		atomic_store(&gate.is_open, true);
	}
	pthread_mutex_unlock(&gate.lock);
	return err;
}

struct gate_refusals gate_refusals(void)
{
	struct gate_refusals refusals;

	pthread_mutex_lock(&gate.lock);
	refusals = gate.refusals;
	pthread_mutex_unlock(&gate.lock);
	return refusals;
}

/* IPv4 by its address, IPv6 by its /64. */
static void peer_of(const struct sockaddr *address, uint8_t ret[static 16])
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

	memset(ret, 0, 16);
	if (address->sa_family == AF_INET)
		memcpy(ret + 12, &((const struct sockaddr_in *)address)->sin_addr, 4);
	else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		memcpy(ret + 12, v6->sin6_addr.s6_addr + 12, 4);
	else
		memcpy(ret, &v6->sin6_addr, 8);
}

static bool guest_is_gone(const struct guest *guest)
{
	struct stat status;

	return fstat(guest->fd, &status) || !S_ISSOCK(status.st_mode) ||
	       status.st_ino != guest->socket;
}

/* With the lock: how many are in; of this peer, unless it is NULL. The places of those that are
 * gone become free where that is to be found out. */
static size_t count_guests(const uint8_t *peer, bool look)
{
	size_t n = 0;

	for (size_t i = 0; i < gate.n; i++) {
		struct guest *guest = &gate.guests[i];

		if (guest->fd < 0 || (peer && memcmp(guest->peer, peer, 16) != 0))
			continue;
		if (look && guest_is_gone(guest))
			guest->fd = -1;
		else
			n++;
	}
	return n;
}

size_t gate_connections(void)
{
	size_t n;

	pthread_mutex_lock(&gate.lock);
	n = count_guests(NULL, true);
	pthread_mutex_unlock(&gate.lock);
	return n;
}

/* With the lock: is there room for one more of this peer? */
static bool has_room_for(const uint8_t *peer)
{
	return count_guests(peer, false) < gate.of_peer ||
	       count_guests(peer, true) < gate.of_peer;
}

/* With the lock: for one more at all? To look at everybody takes a millisecond, which a flood
 * gets rarely. */
static bool has_room(void)
{
	const int64_t now = now_on(CLOCK_MONOTONIC);

	if (count_guests(NULL, false) < gate.connections)
		return true;
	if (now - gate.looked < RPC_GATE_LOOK_MS * MILLISECOND)
		return false;
	gate.looked = now;
	return count_guests(NULL, true) < gate.connections;
}

/* With the lock. */
static void seat(int fd, ino_t socket, const uint8_t *peer)
{
	size_t i = 0;

	while (gate.guests[i].fd >= 0)
		i++;
	gate.guests[i] = (struct guest){.fd = fd, .socket = socket};
	memcpy(gate.guests[i].peer, peer, sizeof(gate.guests[i].peer));
}

/* With the lock: the number is new, so whoever had it before has gone. */
static void unseat(int fd)
{
	for (size_t i = 0; i < gate.n; i++)
		if (gate.guests[i].fd == fd)
			gate.guests[i].fd = -1;
}

static bool gate_admits(int fd, const struct sockaddr *address)
{
	struct stat status;
	uint8_t peer[16];
	bool admitted = false;

	peer_of(address, peer);
	pthread_mutex_lock(&gate.lock);
	unseat(fd);
	if (!has_room_for(peer)) {
		gate.refusals.peer++;
	} else if (!has_room() || fstat(fd, &status)) {
		gate.refusals.full++;
	} else {
		seat(fd, status.st_ino, peer);
		admitted = true;
	}
	pthread_mutex_unlock(&gate.lock);
	return admitted;
}

/* At once, without a time of waiting that would be ours to pay for. */
static void turn_away(int fd)
{
	const struct linger now = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static int system_accept(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	return (int)syscall(SYS_accept4, fd, address, length, flags);
}

/* Without descriptors: takes the connection with the reserve, and closes it. False: not even
 * that was possible. */
static bool refuse_one(int listener)
{
	int fd = -1;

	pthread_mutex_lock(&gate.lock);
	if (gate.reserve >= 0)
		close(gate.reserve);
	fd = system_accept(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		turn_away(fd);
	gate.refusals.descriptors += fd >= 0;
	gate.reserve = reserve_open();
	pthread_mutex_unlock(&gate.lock);
	return fd >= 0;
}

/* Is there more to accept after this error? Else errno is what the C core is to see: of
 * errors it survives EAGAIN only, and comes back with the next connection. */
static bool goes_on(int listener)
{
	switch (errno) {
	case EMFILE:
	case ENFILE:
		if (refuse_one(listener))
			return true;
		break;
	case ENOBUFS:
	case ENOMEM:
	case EPERM: /* a firewall's */
		break;
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case ENOPROTOOPT:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENONET: /* the connection's own error: it came and went */
		return true;
	default: /* a listener that is not one any more */
		return false;
	}
	errno = EAGAIN;
	return false;
}

static bool is_guarded(int listener)
{
	int domain = AF_UNSPEC;
	socklen_t size = sizeof(domain);

	return atomic_load(&gate.is_open) &&
	       !getsockopt(listener, SOL_SOCKET, SO_DOMAIN, &domain, &size) &&
	       (domain == AF_INET || domain == AF_INET6);
}

/* The C core's, and everybody's. */
__attribute__((visibility("default"))) int accept4(int listener, struct sockaddr *address,
						   socklen_t *length, int flags)
{
	const socklen_t room = length ? *length : 0;

	if (!address || !is_guarded(listener))
		return system_accept(listener, address, length, flags);
	for (;;) {
		int fd;

		*length = room;
		fd = system_accept(listener, address, length, flags);
		if (fd >= 0 && gate_admits(fd, address))
			return fd;
		if (fd >= 0)
			turn_away(fd);
		else if (!goes_on(listener))
			return -1;
	}
}
