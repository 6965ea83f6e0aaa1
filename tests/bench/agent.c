/* SPDX-License-Identifier: Apache-2.0 */
#include "agent.h"

#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <waymark/client.h>

#include "cleanup.h"

extern char **environ;

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
static void write_configuration(const struct bench_agent *agent, char path[static 96])
{
	cleanup(close_file) FILE *file = NULL;

	snprintf(path, 96, "%s/waymark.yaml", agent->directory);
	file = fopen(path, "w");
	if (!file)
		bench_fail("cannot write %s", path);
	fprintf(file,
		"capacity: {marks: %u}\nlisten: [\"%s\"]\nstate_dir: state\npin_dir: ''\n"
		"log: {level: warning}\naudit_interval: 0s\n",
		agent->marks, agent->target);
}

static void spawn(struct bench_agent *agent)
{
	char path[PATH_MAX], configuration[96];
	char *const arguments[] = {(char *)"unshare",  (char *)"--net", path,
				   (char *)"--config", configuration,	NULL};
	int r;

	agent_path(path);
	write_configuration(agent, configuration);
	r = posix_spawnp(&agent->pid, "unshare", NULL, NULL, arguments, environ);
	if (r)
		bench_fail("cannot start %s: %s", path, strerror(r));
}

/* Asks until it answers: an agent that starts says UNAVAILABLE, and when to ask again. */
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

struct waymark_client *bench_agent_client(const struct bench_agent *agent)
{
	const struct waymark_options options = {
		.target = agent->target, .call_timeout_ms = 120000, .max_attempts = 1};
	struct waymark_client *client;
	struct waymark_error error;

	if (waymark_open(&options, &client, &error))
		bench_fail("%s", error.message);
	return client;
}

static double run(struct bench_agent *agent)
{
	double start = bench_seconds();

	spawn(agent);
	agent->client = bench_agent_client(agent);
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

void bench_agent_start(struct bench_agent *agent, uint32_t marks)
{
	waymark_quiet();
	*agent = (struct bench_agent){.directory = "/tmp/waymark-bench-XXXXXX", .marks = marks};
	if (!mkdtemp(agent->directory))
		bench_fail("cannot make a folder");
	snprintf(agent->target, sizeof(agent->target), "unix:%s/sock", agent->directory);
	run(agent);
}

double bench_agent_restart(struct bench_agent *agent)
{
	end(agent);
	return run(agent);
}

void bench_agent_done(struct bench_agent *agent)
{
	static const char *const files[] = {"state/waymark.mdb",
					    "state/waymark.mdb-lock",
					    "state/lock",
					    "state",
					    "waymark.yaml",
					    "sock",
					    ""};
	char path[128];

	end(agent);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", agent->directory, files[i]);
		remove(path);
	}
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
		{"json", no_argument, NULL, 'j'},
		{"quick", no_argument, NULL, 'q'},
		{"only", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
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
		default:
			printf("usage: %s [--json] [--quick] [--only CASE]\n", argv[0]);
			exit(option == 'h' ? EXIT_SUCCESS : EXIT_FAILURE);
		}
}

int bench_wants(const struct bench_options *options, const char *name)
{
	return !options->only || strncmp(name, options->only, strlen(options->only)) == 0;
}
