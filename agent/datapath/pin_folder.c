/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/pin_folder.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cleanup.h"
#include "datapath/holder.h"
#include "datapath/pins.h"
#include "failpoint.h"

#define LINKS "links"

struct pin_folder {
	char *path;
	int folder; /* locked */
};

DEFINE_CLEANUP(close_pin_folder, struct pin_folder *, pin_folder_close)
DEFINE_CLEANUP(close_folder, DIR *, closedir)

/* ---- holding the folder ---- */

static int hold(int folder, char error[static PIN_FOLDER_ERROR_MAX])
{
	int reason, pid;

	if (!flock(folder, LOCK_EX | LOCK_NB))
		return 0;
	reason = -errno;
	pid = reason == -EWOULDBLOCK ? holder_of(folder) : 0;
	if (pid > 0)
		snprintf(error, PIN_FOLDER_ERROR_MAX, "process %d uses it: one agent at a time",
			 pid);
	else if (reason == -EWOULDBLOCK)
		snprintf(error, PIN_FOLDER_ERROR_MAX,
			 "another process uses it: one agent at a time");
	else
		snprintf(error, PIN_FOLDER_ERROR_MAX, "%s", strerrordesc_np(-reason));
	return reason == -EWOULDBLOCK ? -EBUSY : reason;
}

/* Whoever held the folder before us may have removed it. */
static bool is_still_there(const struct pin_folder *pins)
{
	struct stat held, named;

	return !fstat(pins->folder, &held) && !stat(pins->path, &named) &&
	       held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

static int check_file_system(const struct pin_folder *pins,
			     char error[static PIN_FOLDER_ERROR_MAX])
{
	struct statfs status;

	if (!fstatfs(pins->folder, &status) && status.f_type == BPF_FS_MAGIC)
		return 0;
	snprintf(error, PIN_FOLDER_ERROR_MAX,
		 "it is on no BPF file system: mount -t bpf bpf /sys/fs/bpf");
	return -EOPNOTSUPP;
}

/* A folder that is elsewhere is not made first and complained of then. */
static int folder_open(struct pin_folder *pins, char error[static PIN_FOLDER_ERROR_MAX])
{
	cleanup(free_bytes) char *parent = strdup(pins->path);
	char *slash = parent ? strrchr(parent, '/') : NULL;
	struct statfs status;

	if (slash && slash > parent)
		*slash = '\0';
	if (parent && !statfs(parent, &status) && status.f_type == BPF_FS_MAGIC)
		mkdir(pins->path, 0700);
	pins->folder = open(pins->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (pins->folder >= 0)
		return check_file_system(pins, error);
	if (parent && !statfs(parent, &status) && status.f_type != BPF_FS_MAGIC) {
		snprintf(error, PIN_FOLDER_ERROR_MAX,
			 "%s is no BPF file system: mount -t bpf bpf /sys/fs/bpf", parent);
		return -EOPNOTSUPP;
	}
	snprintf(error, PIN_FOLDER_ERROR_MAX, "%s", strerrordesc_np(errno));
	return -errno;
}

int pin_folder_open(const char *path, struct pin_folder **ret,
		    char error[static PIN_FOLDER_ERROR_MAX])
{
	for (;;) {
		cleanup(close_pin_folder) struct pin_folder *pins = calloc(1, sizeof(*pins));
		int r;

		if (!pins)
			return -ENOMEM;
		pins->folder = -1;
		pins->path = strdup(path);
		r = pins->path ? folder_open(pins, error) : -ENOMEM;
		if (!r)
			r = hold(pins->folder, error);
		if (r)
			return r;
		if (!is_still_there(pins))
			continue;
		*ret = take(pins);
		return 0;
	}
}

void pin_folder_close(struct pin_folder *pins)
{
	if (!pins)
		return;
	if (pins->folder >= 0)
		close(pins->folder);
	free(pins->path);
	free(pins);
}

/* ---- links ---- */

static void link_name(char name[static NAME_MAX], uint32_t ifindex, enum hook hook)
{
	snprintf(name, NAME_MAX, LINKS "/%u-%s", ifindex, hook_name(hook));
}

static int link_path(const struct pin_folder *pins, char path[static PATH_MAX],
		     uint32_t ifindex, enum hook hook)
{
	char name[NAME_MAX];

	link_name(name, ifindex, hook);
	return snprintf(path, PATH_MAX, "%s/%s", pins->path, name) < PATH_MAX ? 0
									      : -ENAMETOOLONG;
}

int pin_folder_get(const struct pin_folder *pins, uint32_t ifindex, enum hook hook)
{
	char path[PATH_MAX];
	int error = link_path(pins, path, ifindex, hook);

	return error ? error : bpf_obj_get(path);
}

int pin_folder_put(const struct pin_folder *pins, uint32_t ifindex, enum hook hook, int link)
{
	char path[PATH_MAX];
	int error = link_path(pins, path, ifindex, hook);

	if (error)
		return error;
	if (mkdirat(pins->folder, LINKS, 0700) && errno != EEXIST)
		return -errno;
	FAILPOINT("while-pinning");
	return bpf_obj_pin(link, path);
}

void pin_folder_drop(const struct pin_folder *pins, uint32_t ifindex, enum hook hook)
{
	char name[NAME_MAX];

	link_name(name, ifindex, hook);
	unlinkat(pins->folder, name, 0);
}

/* Is this a name that link_name() makes? */
static bool link_read(const char *name, uint32_t *ret_ifindex, enum hook *ret_hook)
{
	unsigned long ifindex = strtoul(name, NULL, 10);
	char made[NAME_MAX];

	if (ifindex == 0 || ifindex > INT_MAX)
		return false;
	for (enum hook hook = 0; hook < HOOKS; hook++) {
		link_name(made, (uint32_t)ifindex, hook);
		if (strcmp(made + strlen(LINKS "/"), name) != 0)
			continue;
		*ret_ifindex = (uint32_t)ifindex;
		*ret_hook = hook;
		return true;
	}
	return false;
}

static DIR *links_folder(const struct pin_folder *pins)
{
	int fd = openat(pins->folder, LINKS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;

	if (fd >= 0 && !folder)
		close(fd);
	return folder;
}

void pin_folder_each(const struct pin_folder *pins,
		     void (*each)(const struct pin_folder *pins, uint32_t ifindex,
				  enum hook hook, void *user),
		     void *user)
{
	cleanup(close_folder) DIR *folder = links_folder(pins);
	const struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		uint32_t ifindex;
		enum hook hook;

		if (link_read(entry->d_name, &ifindex, &hook))
			each(pins, ifindex, hook, user);
	}
}

/* ---- everything else ---- */

unsigned pin_folder_remove_map(const struct pin_folder *pins, const char *map)
{
	unsigned n = 0;

	for (const char *const *folder = pins_folders; *folder; folder++) {
		char name[NAME_MAX];

		snprintf(name, sizeof(name), "%s/%s", *folder, map);
		n += !unlinkat(pins->folder, name, 0);
	}
	return n;
}

void pin_folder_remove_empty(const struct pin_folder *pins)
{
	unlinkat(pins->folder, LINKS, AT_REMOVEDIR);
	for (const char *const *folder = pins_folders; *folder; folder++)
		unlinkat(pins->folder, *folder, AT_REMOVEDIR);
	rmdir(pins->path);
}
