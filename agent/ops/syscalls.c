/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls that the agent makes once it serves. Everything else fails with EPERM: an
 * answer that libraries cope with, where killing would turn a rare path into an outage.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "ops/privileges.h"

#define CALL(name) SCMP_SYS(name)

static const int allowed[] = {
	/* memory, threads, time, signals */
	CALL(brk),
	CALL(mmap),
	CALL(munmap),
	CALL(mremap),
	CALL(mprotect),
	CALL(madvise),
	CALL(membarrier),
	CALL(clone),
	CALL(clone3),
	CALL(exit),
	CALL(exit_group),
	CALL(futex),
	CALL(set_robust_list),
	CALL(get_robust_list),
	CALL(rseq),
	CALL(sched_yield),
	CALL(sched_getaffinity),
	CALL(sched_setaffinity),
	CALL(sched_getparam),
	CALL(sched_getscheduler),
	CALL(setpriority),
	CALL(getpriority),
	CALL(getcpu),
	CALL(clock_gettime),
	CALL(clock_getres),
	CALL(clock_nanosleep),
	CALL(nanosleep),
	CALL(gettimeofday),
	CALL(time),
	CALL(rt_sigaction),
	CALL(rt_sigprocmask),
	CALL(rt_sigreturn),
	CALL(rt_sigtimedwait),
	CALL(sigaltstack),
	CALL(tgkill),
	CALL(restart_syscall),
	CALL(getpid),
	CALL(gettid),
	CALL(getppid),
	CALL(getuid),
	CALL(geteuid),
	CALL(getgid),
	CALL(getegid),
	CALL(getrandom),
	CALL(uname),
	CALL(sysinfo),
	CALL(getrusage),
	CALL(prlimit64),
	CALL(getrlimit),
	CALL(capget),
	/* waiting */
	CALL(poll),
	CALL(ppoll),
	CALL(select),
	CALL(pselect6),
	CALL(epoll_create),
	CALL(epoll_create1),
	CALL(epoll_ctl),
	CALL(epoll_wait),
	CALL(epoll_pwait),
	CALL(epoll_pwait2),
	CALL(eventfd2),
	CALL(pipe2),
	CALL(timerfd_create),
	CALL(timerfd_settime),
	CALL(timerfd_gettime),
	CALL(signalfd4),
	CALL(inotify_init1),
	CALL(inotify_add_watch),
	CALL(inotify_rm_watch),
	/* files */
	CALL(read),
	CALL(readv),
	CALL(pread64),
	CALL(preadv),
	CALL(write),
	CALL(writev),
	CALL(pwrite64),
	CALL(pwritev),
	CALL(lseek),
	CALL(open),
	CALL(openat),
	CALL(close),
	CALL(dup),
	CALL(dup2),
	CALL(dup3),
	CALL(fcntl),
	CALL(flock),
	CALL(fsync),
	CALL(fdatasync),
	CALL(msync),
	CALL(ftruncate),
	CALL(fallocate),
	CALL(fadvise64),
	CALL(stat),
	CALL(lstat),
	CALL(fstat),
	CALL(newfstatat),
	CALL(statx),
	CALL(statfs),
	CALL(fstatfs),
	CALL(access),
	CALL(faccessat),
	CALL(faccessat2),
	CALL(readlink),
	CALL(readlinkat),
	CALL(getdents64),
	CALL(getcwd),
	CALL(mkdir),
	CALL(mkdirat),
	CALL(rmdir),
	CALL(unlink),
	CALL(unlinkat),
	CALL(rename),
	CALL(renameat),
	CALL(renameat2),
	CALL(umask),
	CALL(chmod),
	CALL(fchmod),
	CALL(fchmodat),
	/* sockets */
	CALL(socketpair),
	CALL(bind),
	CALL(listen),
	CALL(accept),
	CALL(accept4),
	CALL(connect),
	CALL(getsockname),
	CALL(getpeername),
	CALL(getsockopt),
	CALL(setsockopt),
	CALL(sendto),
	CALL(sendmsg),
	CALL(sendmmsg),
	CALL(recvfrom),
	CALL(recvmsg),
	CALL(recvmmsg),
	CALL(shutdown),
#ifdef __SANITIZE_ADDRESS__
	/* The leak checker stops all threads from a process of its own and reads them. */
	CALL(ptrace),
	CALL(wait4),
	CALL(process_vm_readv),
	CALL(getdents),
	CALL(kill),
#endif
};

/* A call that is allowed with certain values of one argument. */
struct choice {
	int call;
	unsigned int argument;
	scmp_datum_t value;
};

static const struct choice choices[] = {
	/* Maps and links, and no programs. */
	{CALL(bpf), 0, BPF_MAP_LOOKUP_ELEM},
	{CALL(bpf), 0, BPF_MAP_UPDATE_ELEM},
	{CALL(bpf), 0, BPF_MAP_DELETE_ELEM},
	{CALL(bpf), 0, BPF_MAP_GET_NEXT_KEY},
	{CALL(bpf), 0, BPF_MAP_LOOKUP_BATCH},
	{CALL(bpf), 0, BPF_MAP_UPDATE_BATCH},
	{CALL(bpf), 0, BPF_MAP_DELETE_BATCH},
	{CALL(bpf), 0, BPF_OBJ_PIN},
	{CALL(bpf), 0, BPF_OBJ_GET},
	{CALL(bpf), 0, BPF_OBJ_GET_INFO_BY_FD},
	{CALL(bpf), 0, BPF_LINK_CREATE},
	{CALL(bpf), 0, BPF_LINK_UPDATE},
	{CALL(bpf), 0, BPF_LINK_DETACH},
	{CALL(bpf), 0, BPF_PROG_QUERY},
	{CALL(bpf), 0, BPF_PROG_GET_FD_BY_ID},
	{CALL(bpf), 0, BPF_LINK_GET_FD_BY_ID},
	{CALL(bpf), 0, BPF_LINK_GET_NEXT_ID},
	{CALL(socket), 0, AF_UNIX},
	{CALL(socket), 0, AF_INET},
	{CALL(socket), 0, AF_INET6},
	{CALL(socket), 0, AF_NETLINK},
	{CALL(ioctl), 1, FIONREAD},
	{CALL(ioctl), 1, FIONBIO},
	{CALL(ioctl), 1, TCGETS},
	{CALL(ioctl), 1, SIOCGIFNAME},
	{CALL(ioctl), 1, SIOCGIFINDEX},
	{CALL(prctl), 0, PR_SET_NAME},
	{CALL(prctl), 0, PR_GET_NAME},
	{CALL(prctl), 0, 0x53564D41 /* PR_SET_VMA: the C library names its memory */},
#ifdef __SANITIZE_ADDRESS__
	{CALL(prctl), 0, PR_SET_PTRACER},
	{CALL(prctl), 0, PR_SET_DUMPABLE},
	{CALL(prctl), 0, PR_GET_DUMPABLE},
#endif
};

static void release_filter(scmp_filter_ctx *filter)
{
	seccomp_release(*filter);
}

static int fill(scmp_filter_ctx filter)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; r == 0 && i < sizeof(choices) / sizeof(choices[0]); i++) {
		const struct scmp_arg_cmp equal = {.arg = choices[i].argument,
						   .op = SCMP_CMP_EQ,
						   .datum_a = choices[i].value};

		r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, choices[i].call, 1, &equal);
	}
	return r;
}

int syscalls_restrict(void)
{
	cleanup(release_filter) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = filter ? fill(filter) : -ENOMEM;

	return r == 0 ? seccomp_load(filter) : r;
}
