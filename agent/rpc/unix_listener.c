/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/unix_listener.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "cleanup.h"
#include "rpc/limits.h"
#include "rpc/signals.h"

#define LOCK_SUFFIX ".lock"
#define BACKLOG 128

struct unix_listener {
	struct sockaddr_un address;
	char lock_path[sizeof(((struct sockaddr_un *)0)->sun_path) + sizeof(LOCK_SUFFIX)];
	int lock; /* held while we live */
	int fd;
	int stop; /* eventfd */
	int reserve; /* given up to be able to refuse when descriptors run out */
	ino_t socket; /* of the path */
	bool running;
	pthread_t thread;
	void (*accepted)(void *user, int fd, const struct ucred *peer);
	void *user;
};

/* Locks the file beside the socket: of two servers that start at once, one wins. A file that
 * its last owner removed while we waited for it is no lock any more. */
static int lock_open(const char *path)
{
	for (;;) {
		cleanup(close_fd) int fd =
			open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		struct stat ours, there;
		int locked;

		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB))
			return errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
		if (fstat(fd, &ours))
			return -errno;
		if (stat(path, &there) || there.st_ino != ours.st_ino)
			continue;
		locked = fd;
		fd = -1;
		return locked;
	}
}

/* Makes way for bind(): removes a socket on which nobody listens. */
static int path_clear(const struct sockaddr_un *address)
{
	cleanup(close_fd) int fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat status;

	if (fd < 0)
		return -errno;
	if (lstat(address->sun_path, &status))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(status.st_mode))
		return -ENOTSOCK;
	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)) || errno == EAGAIN)
		return -EADDRINUSE;
	if (errno != ECONNREFUSED)
		return -errno;
	return unlink(address->sun_path) ? -errno : 0;
}

/* /run is empty after a boot: makes the socket's own folder, none above it. */
static int folder_make(const char *path)
{
	cleanup(free_bytes) char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;

	if (!folder)
		return -ENOMEM;
	if (!slash || slash == folder)
		return 0;
	*slash = '\0';
	return mkdir(folder, 0755) && errno != EEXIST ? -errno : 0;
}

static int listener_bind(struct unix_listener *listener)
{
	const struct sockaddr *address = (const struct sockaddr *)&listener->address;
	struct stat status;
	mode_t mask;
	int err = folder_make(listener->address.sun_path);

	if (err)
		return err;
	listener->lock = lock_open(listener->lock_path);
	if (listener->lock < 0)
		return listener->lock;
	err = path_clear(&listener->address);
	if (err)
		return err;
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0)
		return -errno;
	/* 0660 from birth: a chmod afterwards would leave a gap. */
	mask = umask(0117);
	err = bind(listener->fd, address, sizeof(listener->address)) ? -errno : 0;
	umask(mask);
	if (err)
		return err;
	if (lstat(listener->address.sun_path, &status))
		return -errno;
	listener->socket = status.st_ino;
	return listen(listener->fd, BACKLOG) ? -errno : 0;
}

DEFINE_CLEANUP(free_listener, struct unix_listener *, unix_listener_free)

/* Without its socket yet. */
static int listener_new(struct unix_listener **ret)
{
	cleanup(free_listener) struct unix_listener *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return -ENOMEM;
	listener->lock = listener->fd = -1;
	listener->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	listener->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (listener->stop < 0 || listener->reserve < 0)
		return -EMFILE;
	*ret = take(listener);
	return 0;
}

int unix_listener_new(const char *path, struct unix_listener **ret)
{
	cleanup(free_listener) struct unix_listener *listener = NULL;
	size_t length = strlen(path);
	int err;

	if (length >= sizeof(listener->address.sun_path))
		return -ENAMETOOLONG;
	err = listener_new(&listener);
	if (err)
		return err;
	listener->address.sun_family = AF_UNIX;
	memcpy(listener->address.sun_path, path, length);
	snprintf(listener->lock_path, sizeof(listener->lock_path), "%s" LOCK_SUFFIX, path);
	err = listener_bind(listener);
	if (!err)
		*ret = take(listener);
	return err;
}

int unix_listener_adopt(int fd, struct unix_listener **ret)
{
	int err, flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	err = listener_new(ret);
	if (!err)
		(*ret)->fd = fd;
	return err;
}

int unix_listener_fd(const struct unix_listener *listener)
{
	return listener->fd;
}

/* Without descriptors accept() fails for ever and poll() says "ready" for ever: the reserve
 * makes room to take the connection and close it. Was there one? */
static bool listener_refuse(struct unix_listener *listener)
{
	int fd;

	if (listener->reserve < 0)
		return false;
	close(listener->reserve);
	fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
	close_fd(&fd);
	listener->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return fd >= 0;
}

/* False: there is nothing to accept, or (*exhausted) nothing to accept it with. */
static bool listener_accept(struct unix_listener *listener, bool *exhausted)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 && errno == EAGAIN)
		return false;
	if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
		return true;
	if (fd < 0) {
		*exhausted = !listener_refuse(listener);
		return !*exhausted;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		close(fd);
	else
		listener->accepted(listener->user, fd, &peer);
	return true;
}

static void *listener_run(void *user)
{
	struct unix_listener *listener = user;
	struct pollfd polled[] = {
		{.fd = listener->stop, .events = POLLIN},
		{.fd = listener->fd, .events = POLLIN},
	};
	bool exhausted = false;

	do {
		exhausted = false;
		while (listener_accept(listener, &exhausted))
			;
		/* Exhausted: only `stop` counts for a moment. */
		poll(polled, exhausted ? 1 : 2, exhausted ? RPC_ACCEPT_PAUSE_MS : -1);
	} while (!polled[0].revents);
	return NULL;
}

int unix_listener_start(struct unix_listener *listener,
			void (*accepted)(void *user, int fd, const struct ucred *peer),
			void *user)
{
	int err;

	listener->accepted = accepted;
	listener->user = user;
	err = signals_thread(&listener->thread, listener_run, listener);
	listener->running = !err;
	return err;
}

static void listener_stop(struct unix_listener *listener)
{
	const uint64_t one = 1;

	if (!listener->running)
		return;
	if (write(listener->stop, &one, sizeof(one)) == (ssize_t)sizeof(one))
		pthread_join(listener->thread, NULL);
}

void unix_listener_free(struct unix_listener *listener)
{
	struct stat status;

	if (!listener)
		return;
	listener_stop(listener);
	if (listener->socket && !lstat(listener->address.sun_path, &status) &&
	    status.st_ino == listener->socket)
		unlink(listener->address.sun_path);
	if (listener->lock >= 0)
		unlink(listener->lock_path);
	close_fd(&listener->fd);
	close_fd(&listener->stop);
	close_fd(&listener->reserve);
	close_fd(&listener->lock);
	free(listener);
}
