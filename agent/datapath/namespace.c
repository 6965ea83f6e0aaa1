/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/file.h>
#include <unistd.h>

#include "cleanup.h"
#include "datapath/holder.h"

/* A holder that we cannot see is taken for an agent in another container. */
static bool may_be_agent(pid_t holder)
{
	uid_t user = holder > 0 ? holder_user(holder) : (uid_t)-1;

	return user == 0 || user == geteuid() || user == (uid_t)-1;
}

int namespace_hold(int *ret_fd, pid_t *ret_holder)
{
	cleanup(close_fd) int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK)
			return -errno;
		*ret_holder = holder_of(fd);
		return may_be_agent(*ret_holder) ? -EBUSY : -EPERM;
	}
	*ret_fd = fd;
	fd = -1;
	return 0;
}
