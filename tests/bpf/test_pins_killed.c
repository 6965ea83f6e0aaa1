/* SPDX-License-Identifier: Apache-2.0 */
/* Agents that are killed in the middle of their work, and what the next one finds. */
#include "check.h"

#include <signal.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "datapath/state.h"
#include "marks.h"
#include "pinned.h"

#define HOSTS 400
#define ROUNDS 25

/* How many calls a child has made, in memory that both see. */
static volatile uint32_t *progress;

/* What comes and goes; a third of it networks. */
static struct match match_of(uint32_t i)
{
	return marks_match(i % 3 ? MARK_HOST : MARK_NETWORK, i * 8);
}

static uint32_t slot_of[HOSTS];

static int claim_one(const struct match *match, uint32_t slot, void *user)
{
	struct datapath *datapath = user;
	struct mark_action action;
	uint32_t host;

	for (host = 0; host < HOSTS; host++) {
		struct match mine = match_of(host);

		if (!memcmp(&mine, match, sizeof(mine)))
			break;
	}
	if (host == HOSTS)
		return -EBADMSG;
	action = marks_raw(host + 1);
	slot_of[host] = slot;
	return datapath_claim(datapath, match, slot, &action, 0);
}

static int adopt(struct datapath **ret)
{
	int error;

	memset(slot_of, 0, sizeof(slot_of));
	error = datapath_open(&pinned.options, ret);
	return error ? error : datapath_each_pinned(*ret, claim_one, *ret);
}

/* Turns whole groups of marks on and off, for ever. */
static void work(struct datapath *datapath)
{
	static struct match matches[HOSTS];
	static struct datapath_change changes[HOSTS];
	uint32_t n = 0, from = (uint32_t)random() % HOSTS;

	for (uint32_t i = from; i < HOSTS && n < HOSTS / 8; i += 1 + (uint32_t)random() % 8) {
		if (n && !slot_of[i] != !changes[0].slot)
			continue;
		matches[n] = match_of(i);
		changes[n] = slot_of[i] ? marks_remove(&matches[n], slot_of[i])
					: marks_insert(&matches[n], i + 1);
		n++;
	}
	datapath_apply(datapath, changes, n);
	for (uint32_t j = 0; j < n; j++)
		for (uint32_t i = from; i < HOSTS; i++) {
			struct match match = match_of(i);

			if (!changes[j].error && !memcmp(&match, &matches[j], sizeof(match)))
				slot_of[i] = changes[j].verb == DATAPATH_INSERT
						     ? changes[j].slot
						     : 0;
		}
	(*progress)++;
}

static void child(unsigned seed)
{
	struct datapath *datapath = NULL;

	srandom(seed);
	if (adopt(&datapath))
		_exit(1);
	(*progress)++;
	for (;;)
		work(datapath);
}

/* Kills the child when it has made so many steps; it must not have ended by itself. */
static void run_and_kill(unsigned seed, uint32_t steps)
{
	int status;
	pid_t pid;

	*progress = 0;
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		child(seed);
	while (*progress < steps)
		assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

/* Maps, words and filter say the same of every host. */
static void expect_consistent(void)
{
	struct datapath *datapath;
	struct datapath_fill fill;
	uint32_t used = 0;

	assert_int_equal(adopt(&datapath), 0);
	for (uint32_t i = 0; i < HOSTS; i++) {
		used += slot_of[i] > 0;
		assert_int_equal(marks_label(datapath_program(datapath, true), i * 8),
				 slot_of[i] ? i + 1 : 0);
	}
	fill = datapath_fill(datapath);
	assert_int_equal(fill.marks + fill.networks, used);
	assert_int_equal(datapath_audit(datapath, NULL, 0), 0);
	datapath_close(datapath);
}

static void killed_at_work(void **state)
{
	(void)state;
	for (unsigned round = 0; round < pinned_rounds(ROUNDS); round++) {
		run_and_kill(round, 1 + (uint32_t)random() % 40);
		expect_consistent();
	}
}

/* One after the other, so that some pin is the last. */
static void killed_while_pinning(void **state)
{
	static const char *const order[] = {"matches", "marks",	 "filter", "known_pairs",
					    "common",  "stages", "control"};

	(void)state;
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		int status;
		pid_t pid;

		unlink(pinned_map("control"));
		unlink(pinned_map(order[i]));
		pid = fork();
		assert_true(pid >= 0);
		if (!pid)
			child(1);
		while (access(pinned_map(order[i]), F_OK))
			assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		expect_consistent();
	}
}

static int prepare(void **state)
{
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(progress, MAP_FAILED);
	srandom(1);
	pinned.options.marks = HOSTS;
	pinned.options.networks = HOSTS / 8;
	return pinned_mount(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_at_work),
		cmocka_unit_test(killed_while_pinning),
	};

	return cmocka_run_group_tests(tests, prepare, NULL);
}
