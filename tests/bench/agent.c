/* SPDX-License-Identifier: Apache-2.0 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <waymark/client.h>

#include "cleanup.h"

#define PORT 50551
#define TEXT(number) TEXT_(number)
#define TEXT_(number) #number

void bench_fail(const char *format, ...)
{
	va_list arguments;

	fputs("bench: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

double bench_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double bench_cpu_seconds(pid_t pid)
{
	struct timespec used;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &used))
		return 0;
	return (double)used.tv_sec + 1e-9 * (double)used.tv_nsec;
}

/* ---- where ---- */

/* One agent per namespace, and nobody else's traffic. */
static void isolate(void)
{
	static bool done;
	struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;

	if (done)
		return;
	if (unshare(CLONE_NEWNET))
		bench_fail("cannot make a network namespace: %s", strerror(errno));
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &loopback))
		bench_fail("cannot bring the loopback up: %s", strerror(errno));
	close(fd);
	done = true;
}

void bench_agent_file(const struct bench_agent *agent, const char *name, char ret[static 128])
{
	snprintf(ret, 128, "%s/%s", agent->directory, name);
}

static void run_command(char *const arguments[])
{
	pid_t pid;
	int status;

	if (posix_spawnp(&pid, arguments[0], NULL, NULL, arguments, environ) ||
	    waitpid(pid, &status, 0) != pid || status != 0)
		bench_fail("%s failed", arguments[0]);
}

static void make_certificates(struct bench_agent *agent)
{
	char *const of_agent[] = {(char *)WAYMARK_SOURCE "/packaging/make-certificates",
				  agent->directory,
				  (char *)"agent",
				  (char *)"agent",
				  (char *)"127.0.0.1",
				  NULL};
	char *const of_client[] = {of_agent[0],	     agent->directory,	 (char *)"client",
				   (char *)"client", (char *)"cn:bench", NULL};

	run_command(of_agent);
	run_command(of_client);
}

/* ---- the process ---- */

static void agent_path(char path[static PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	if (n < 0)
		bench_fail("cannot find this program");
	path[n] = '\0';
	slash = strrchr(path, '/');
	snprintf(slash, (size_t)(path + PATH_MAX - slash), "/waymarkd");
}

/* A file, because room for marks is no option of the command line. */
static void write_configuration(const struct bench_agent *agent, char path[static 128])
{
	static const char *const of_transport[] = {
		[BENCH_UNIX] = "",
		[BENCH_TCP] = "insecure_loopback: true\n",
		[BENCH_TLS] =
			"tls: {certificate: agent.pem, key: agent.key, client_ca: ca.pem}\n",
	};
	cleanup(close_file) FILE *file = NULL;
	char policy[128];

	bench_agent_file(agent, "policy.yaml", policy);
	file = fopen(policy, "w");
	if (!file)
		bench_fail("cannot write %s", policy);
	fputs("rules:\n  - {identity: \"unix:uid=0\", role: admin}\n"
	      "  - {identity: \"insecure:loopback\", role: admin}\n"
	      "  - {identity: \"cn:bench\", role: admin}\n",
	      file);
	fclose(file);
	bench_agent_file(agent, "waymark.yaml", path);
	file = fopen(path, "w");
	if (!file)
		bench_fail("cannot write %s", path);
	fprintf(file,
		"capacity: {marks: %u}\nlisten: [\"%s\"]\nstate_dir: state\npin_dir: ''\n"
		"policy: policy.yaml\nlog: {level: error}\naudit_interval: 0s\n"
		"limits: {calls_per_second: 1000000}\n%s",
		agent->marks, agent->target, of_transport[agent->transport]);
}

static void spawn(struct bench_agent *agent)
{
	char path[PATH_MAX], configuration[128];
	char *const arguments[] = {path, (char *)"--config", configuration, NULL};
	int r;

	agent_path(path);
	write_configuration(agent, configuration);
	r = posix_spawn(&agent->pid, path, NULL, NULL, arguments, environ);
	if (r)
		bench_fail("cannot start %s: %s", path, strerror(r));
}

static bool accepts(const struct bench_agent *agent)
{
	struct sockaddr_un path = {.sun_family = AF_UNIX};
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(PORT),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const bool is_unix = agent->transport == BENCH_UNIX;
	int fd = socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r;

	snprintf(path.sun_path, sizeof(path.sun_path), "%s", agent->target + strlen("unix:"));
	r = is_unix ? connect(fd, (struct sockaddr *)&path, sizeof(path))
		    : connect(fd, (struct sockaddr *)&address, sizeof(address));
	close(fd);
	return r == 0;
}

/* A client that is refused a connection tries again a second later only. */
static void wait_socket(const struct bench_agent *agent)
{
	double deadline = bench_seconds() + 30;

	while (!accepts(agent)) {
		if (bench_seconds() > deadline)
			bench_fail("the agent does not listen");
		usleep(1000);
	}
}

/* Asks until it answers: an agent that starts says UNAVAILABLE. */
static void wait_ready(struct bench_agent *agent)
{
	Waymark__V1__StatsRequest request = WAYMARK__V1__STATS_REQUEST__INIT;
	double deadline = bench_seconds() + 60;
	struct waymark_error error;

	for (;;) {
		Waymark__V1__StatsResponse *response;

		if (waymark_stats(agent->client, &request, &response, &error) == 0) {
			waymark__v1__stats_response__free_unpacked(response, NULL);
			return;
		}
		if (bench_seconds() > deadline || waitpid(agent->pid, NULL, WNOHANG) != 0)
			bench_fail("the agent does not serve: %s", error.message);
		usleep(2000);
	}
}

static struct waymark_client *open_client(const struct bench_agent *agent)
{
	struct waymark_options options = {
		.target = agent->target, .call_timeout_ms = 120000, .max_attempts = 1};
	char ca[128], certificate[128], key[128];
	struct waymark_client *client;
	struct waymark_error error;

	options.insecure = agent->transport == BENCH_TCP;
	if (agent->transport == BENCH_TLS) {
		bench_agent_file(agent, "ca.pem", ca);
		bench_agent_file(agent, "client.pem", certificate);
		bench_agent_file(agent, "client.key", key);
		options.tls_ca = ca;
		options.tls_cert = certificate;
		options.tls_key = key;
	}

	if (waymark_open(&options, &client, &error))
		bench_fail("%s", error.message);
	return client;
}

static double run(struct bench_agent *agent)
{
	double start = bench_seconds();

	spawn(agent);
	wait_socket(agent);
	agent->client = open_client(agent);
	wait_ready(agent);
	return bench_seconds() - start;
}

static void end(struct bench_agent *agent)
{
	waymark_close(agent->client);
	kill(agent->pid, SIGTERM);
	waitpid(agent->pid, NULL, 0);
	agent->pid = 0;
}

void bench_agent_start(struct bench_agent *agent, uint32_t marks,
		       enum bench_transport transport)
{
	isolate();
	waymark_quiet();
	*agent = (struct bench_agent){.directory = "/tmp/waymark-bench-XXXXXX",
				      .transport = transport,
				      .target = "127.0.0.1:" TEXT(PORT),
				      .marks = marks};
	if (!mkdtemp(agent->directory))
		bench_fail("cannot make a folder");
	if (transport == BENCH_UNIX)
		snprintf(agent->target, sizeof(agent->target), "unix:%s/sock",
			 agent->directory);
	if (transport == BENCH_TLS)
		make_certificates(agent);
	run(agent);
}

double bench_agent_restart(struct bench_agent *agent)
{
	end(agent);
	return run(agent);
}

void bench_agent_done(struct bench_agent *agent)
{
	static const char *const files[] = {
		"state/waymark.mdb",
		"state/waymark.mdb-lock",
		"state/lock",
		"state",
		"waymark.yaml",
		"policy.yaml",
		"sock",
		"ca.pem",
		"ca.key",
		"agent.pem",
		"agent.key",
		"client.pem",
		"client.key",
		"echo",
		"",
	};
	char path[128];

	end(agent);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		bench_agent_file(agent, files[i], path);
		remove(path);
	}
}

uint64_t bench_agent_revision(const struct bench_agent *agent)
{
	Waymark__V1__StatsRequest request = WAYMARK__V1__STATS_REQUEST__INIT;
	Waymark__V1__StatsResponse *response;
	struct waymark_error error;
	uint64_t revision;

	if (waymark_stats(agent->client, &request, &response, &error))
		bench_fail("%s", error.message);
	revision = response->header->revision;
	waymark__v1__stats_response__free_unpacked(response, NULL);
	return revision;
}

uint64_t bench_agent_memory(const struct bench_agent *agent)
{
	cleanup(close_file) FILE *file = NULL;
	unsigned long long kilobytes = 0;
	char line[128];

	snprintf(line, sizeof(line), "/proc/%d/status", agent->pid);
	file = fopen(line, "r");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "RssAnon: %llu", &kilobytes) == 1)
			break;
	return kilobytes * 1024;
}

/* ---- options ---- */

void bench_read_options(int argc, char *argv[], struct bench_options *ret)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},	{"quick", no_argument, NULL, 'q'},
		{"only", required_argument, NULL, 'o'}, {"marks", required_argument, NULL, 'm'},
		{"help", no_argument, NULL, 'h'},	{NULL, 0, NULL, 0},
	};
	int option;

	*ret = (struct bench_options){.json = 0};
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'j':
			ret->json = 1;
			break;
		case 'q':
			ret->quick = 1;
			break;
		case 'o':
			ret->only = optarg;
			break;
		case 'm':
			ret->marks = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		default:
			printf("usage: %s [--json] [--quick] [--only CASE] [--marks N]\n",
			       argv[0]);
			exit(option == 'h' ? EXIT_SUCCESS : EXIT_FAILURE);
		}
}

int bench_wants(const struct bench_options *options, const char *name)
{
	return !options->only || strncmp(name, options->only, strlen(options->only)) == 0;
}

uint32_t bench_marks_wanted(const struct bench_options *options, uint32_t quick, uint32_t full)
{
	if (options->marks)
		return options->marks;
	return options->quick ? quick : full;
}
