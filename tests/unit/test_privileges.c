/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process that has dropped its privileges can still do. Each case is a process of its
 * own, for there is no way back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ops/privileges.h"

static char folder[] = "/tmp/test_privileges.XXXXXX";
static char inside[64], outside[64], removable[64], report_file[64];

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(inside, sizeof(inside), "%s/inside", folder);
	snprintf(outside, sizeof(outside), "%s/outside", folder);
	snprintf(report_file, sizeof(report_file), "%s/inside/report", folder);
	snprintf(removable, sizeof(removable), "%s/removable", folder);
	return mkdir(inside, 0700) < 0 || mkdir(outside, 0700) < 0 || mkdir(removable, 0700) < 0
		       ? -1
		       : 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(report_file);
	rmdir(inside);
	rmdir(outside);
	rmdir(removable);
	return rmdir(folder);
}

/* Runs `body` in a process without privileges; its result is the exit status. */
static int run(int (*body)(const struct privileges_report *report), bool keep_net_admin)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		const struct privileges_path paths[] = {{inside, PRIVILEGES_WRITE},
							{removable, PRIVILEGES_REMOVE_FOLDER},
							{NULL, PRIVILEGES_WRITE}};
		const struct privileges_options options = {
			.paths = paths, .n_paths = 3, .keep_net_admin = keep_net_admin};
		struct privileges_report report;
		char error[PRIVILEGES_ERROR_MAX];

		if (privileges_drop(&options, &report, error) < 0) {
			fprintf(stderr, "%s\n", error);
			_exit(99);
		}
		_exit(body(&report));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* ---- capabilities ---- */

static unsigned long long read_status(const char *name)
{
	FILE *file = fopen("/proc/thread-self/status", "r");
	unsigned long long value = 1;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0)
			value = strtoull(line + strlen(name), NULL, 16);
	if (file)
		fclose(file);
	return value;
}

static void *thread_has_none(void *ret)
{
	*(int *)ret = read_status("CapEff:") != 0 || read_status("CapPrm:") != 0;
	return NULL;
}

static int look_at_capabilities(const struct privileges_report *report)
{
	pthread_t thread;
	int wrong = 1;

	if (strcmp(report->kept, "none") != 0)
		return 77;
	if (read_status("CapEff:") || read_status("CapPrm:") || read_status("CapInh:") ||
	    read_status("CapAmb:") || read_status("NoNewPrivs:") != 1)
		return 1;
	if (pthread_create(&thread, NULL, thread_has_none, &wrong) != 0)
		return 2;
	pthread_join(thread, NULL);
	return wrong;
}

static void test_no_capabilities(void **state)
{
	int status = run(look_at_capabilities, false);

	(void)state;
	if (status == 77)
		skip(); /* an old kernel makes us keep some */
	assert_int_equal(status, 0);
}

static int look_at_net_admin(const struct privileges_report *report)
{
	const unsigned long long net_admin = 1ULL << 12;

	if (strcmp(report->kept, "CAP_NET_ADMIN") != 0)
		return 77;
	if (read_status("CapEff:") != net_admin || read_status("CapPrm:") != net_admin ||
	    read_status("CapInh:") || read_status("CapAmb:"))
		return 1;
	return 0;
}

static void test_what_has_to_stay(void **state)
{
	int status = run(look_at_net_admin, true);

	(void)state;
	if (status == 77)
		skip(); /* an old kernel makes us keep more */
	assert_int_equal(status, 0);
}

/* ---- files ---- */

static int open_files(const struct privileges_report *report)
{
	char path[128];
	int fd;

	if (!report->files_restricted)
		return 77;
	fd = open(report_file, O_CREAT | O_RDWR | O_TRUNC, 0600);
	if (fd < 0 || write(fd, "x", 1) != 1 || ftruncate(fd, 0) < 0)
		return 1;
	snprintf(path, sizeof(path), "%s/file", outside);
	if (open(path, O_CREAT | O_WRONLY, 0600) >= 0 || errno != EACCES)
		return 2;
	if (open(outside, O_RDONLY | O_DIRECTORY) >= 0 || errno != EACCES)
		return 3;
	snprintf(path, sizeof(path), "%s/folder", removable);
	if (mkdir(path, 0700) == 0 || errno != EACCES)
		return 6;
	if (open("/etc/passwd", O_RDONLY) < 0)
		return 4;
	if (open("/etc/passwd", O_WRONLY) >= 0 || errno != EACCES)
		return 5;
	return 0;
}

static void test_files(void **state)
{
	int status = run(open_files, false);

	(void)state;
	if (status == 77)
		skip(); /* no Landlock in this kernel */
	assert_int_equal(status, 0);
}

/* ---- system calls ---- */

static int make_calls(const struct privileges_report *report)
{
	char *const arguments[] = {(char *)"true", NULL};
	union bpf_attr attribute;

	(void)report;
	memset(&attribute, 0, sizeof(attribute));
	if (execv("/bin/true", arguments) == 0 || errno != EPERM)
		return 1;
	if (mount("none", inside, "tmpfs", 0, NULL) == 0 || errno != EPERM)
		return 2;
	if (syscall(SYS_bpf, BPF_PROG_LOAD, &attribute, sizeof(attribute)) == 0 ||
	    errno != EPERM)
		return 3;
	/* Allowed as a call; this one makes no sense. */
	if (syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &attribute, 0) == 0 || errno == EPERM)
		return 4;
	if (socket(AF_PACKET, SOCK_RAW, 0) >= 0 || errno != EPERM)
		return 5;
	if (socket(AF_INET6, SOCK_STREAM, 0) < 0)
		return 6;
	if (syscall(SYS_io_uring_setup, 1, NULL) == 0 || errno != EPERM)
		return 7;
	if (unshare(CLONE_NEWNS) == 0 || errno != EPERM)
		return 8;
	return 0;
}

static void test_system_calls(void **state)
{
	(void)state;
	assert_int_equal(run(make_calls, false), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_capabilities),
		cmocka_unit_test(test_what_has_to_stay),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_system_calls),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
