/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock: which files the agent may still open. By system call, for the C library has no
 * functions for it, and with numbers of our own where the headers are older than the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "ops/privileges.h"

#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

#define READ_FILE LANDLOCK_ACCESS_FS_READ_FILE
#define READ (READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE_FILE (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)
#define WRITE                                                                          \
	(WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                   \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REFER)
/* What is ruled: all that there is to allow, and what nobody is allowed. */
#define RULED                                                                       \
	(READ | WRITE | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | \
	 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |             \
	 LANDLOCK_ACCESS_FS_MAKE_SYM)

/* What libraries look into at any time: name resolution, certificates, time zones, the state of
 * the kernel. */
static const char *const system_paths[] = {"/etc",  "/usr", "/lib", "/lib64",
					   "/proc", "/sys", "/dev"};

/* The kernel refuses rights that it does not know. */
static uint64_t known_rights(int version)
{
	uint64_t unknown = 0;

	if (version < 2)
		unknown |= LANDLOCK_ACCESS_FS_REFER;
	if (version < 3)
		unknown |= LANDLOCK_ACCESS_FS_TRUNCATE;
	return ~unknown;
}

static int allow(int rules, const char *path, uint64_t rights)
{
	cleanup(close_fd) int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = fd};
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return errno == ENOENT ? 0 : -errno;
	/* A file has no rights of folders. */
	if (!S_ISDIR(status.st_mode))
		rule.allowed_access &= READ_FILE | WRITE_FILE;
	if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return -errno;
	return 0;
}

static uint64_t rights_of(enum privileges_access access)
{
	switch (access) {
	case PRIVILEGES_READ:
		break;
	case PRIVILEGES_WRITE:
		return READ | WRITE;
	case PRIVILEGES_REMOVE_FOLDER:
		return LANDLOCK_ACCESS_FS_REMOVE_DIR;
	}
	return READ;
}

static int allow_all(int rules, const struct privileges_path paths[], size_t n, uint64_t known)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(system_paths) / sizeof(system_paths[0]); i++)
		r = allow(rules, system_paths[i], READ);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (paths[i].path && paths[i].path[0])
			r = allow(rules, paths[i].path, rights_of(paths[i].access) & known);
	return r;
}

int landlock_restrict(const struct privileges_path paths[], size_t n)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_ruleset_attr attribute;
	cleanup(close_fd) int rules = -1;
	uint64_t known;
	int r;

	if (version < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? -EOPNOTSUPP : -errno;
	known = known_rights((int)version);
	attribute = (struct landlock_ruleset_attr){.handled_access_fs = RULED & known};
	rules = (int)syscall(SYS_landlock_create_ruleset, &attribute, sizeof(attribute), 0);
	if (rules < 0)
		return -errno;
	r = allow_all(rules, paths, n, known);
	if (r == 0 && syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		r = -errno;
	return r;
}
