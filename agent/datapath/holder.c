/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/holder.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "cleanup.h"

pid_t holder_of(int fd)
{
	cleanup(close_file) FILE *locks = fopen("/proc/locks", "re");
	unsigned device_major, device_minor;
	unsigned long inode;
	char line[256];
	struct stat status;
	int pid;

	if (!locks || fstat(fd, &status))
		return 0;
	while (fgets(line, sizeof(line), locks))
		if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%lu", &pid, &device_major,
			   &device_minor, &inode) == 4 &&
		    inode == status.st_ino && device_major == major(status.st_dev) &&
		    device_minor == minor(status.st_dev))
			return pid;
	return 0;
}

/* Not the owner of /proc/PID: that is root for whoever is not dumpable. */
uid_t holder_user(pid_t process)
{
	cleanup(close_file) FILE *status = NULL;
	char text[256];
	uid_t user;

	snprintf(text, sizeof(text), "/proc/%d/status", process);
	status = fopen(text, "re");
	while (status && fgets(text, sizeof(text), status))
		if (sscanf(text, "Uid: %*u %u", &user) == 1)
			return user;
	return (uid_t)-1;
}
