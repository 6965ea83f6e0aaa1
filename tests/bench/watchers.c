/* SPDX-License-Identifier: Apache-2.0 */
#include "watchers.h"

#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <waymark/v1/marker.pb-c.h>

#include "wire/read.h"

/* The agent takes 100 streams of one connection. Real watchers run elsewhere: here they must
 * not take the processors from what is measured. */
enum { CHANNEL_STREAMS = 90, NICE = 10, HEADER_MAX = 128, HEADER_REVISION = 3 };

/* ---- the process that watches ---- */

struct watch {
	grpc_call *call;
	grpc_metadata_array initial;
	grpc_byte_buffer *message;
	_Atomic uint64_t *revision;
};

static void receive(struct watch *watch)
{
	grpc_op op = {.op = GRPC_OP_RECV_MESSAGE,
		      .data.recv_message.recv_message = &watch->message};

	if (grpc_call_start_batch(watch->call, &op, 1, watch, NULL) != GRPC_CALL_OK)
		bench_fail("cannot read a watch");
}

static grpc_byte_buffer *make_request(void)
{
	Waymark__V1__WatchMarksRequest request = WAYMARK__V1__WATCH_MARKS_REQUEST__INIT;
	uint8_t bytes[16];
	grpc_slice slice;

	request.updates_only = 1;
	slice = grpc_slice_from_copied_buffer(
		(const char *)bytes, waymark__v1__watch_marks_request__pack(&request, bytes));
	return grpc_raw_byte_buffer_create(&slice, 1);
}

static void open_watch(struct watch *watch, grpc_channel *channel, grpc_completion_queue *queue)
{
	grpc_op ops[4] = {
		{.op = GRPC_OP_SEND_INITIAL_METADATA,
		 .flags = GRPC_INITIAL_METADATA_WAIT_FOR_READY},
		{.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = make_request()},
		{.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
		{.op = GRPC_OP_RECV_INITIAL_METADATA,
		 .data.recv_initial_metadata.recv_initial_metadata = &watch->initial},
	};

	grpc_metadata_array_init(&watch->initial);
	watch->call = grpc_channel_create_call(
		channel, NULL, GRPC_PROPAGATE_DEFAULTS, queue,
		grpc_slice_from_static_string("/waymark.v1.MarkerService/WatchMarks"), NULL,
		gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
	if (grpc_call_start_batch(watch->call, ops, 4, NULL, NULL) != GRPC_CALL_OK)
		bench_fail("cannot open a watch");
	receive(watch);
}

/* Copies the first octets of a message, which may lie in several slices; returns how many. */
static size_t read_begin(const grpc_byte_buffer *message, uint8_t ret[HEADER_MAX])
{
	const grpc_slice_buffer *slices = &message->data.raw.slice_buffer;
	size_t n = 0;

	for (size_t i = 0; i < slices->count && n < HEADER_MAX; i++) {
		size_t length = GRPC_SLICE_LENGTH(slices->slices[i]);

		if (length > HEADER_MAX - n)
			length = HEADER_MAX - n;
		memcpy(ret + n, GRPC_SLICE_START_PTR(slices->slices[i]), length);
		n += length;
	}
	return n;
}

/* Of the header, which is the first field. Whole messages would be unpacked for nothing. */
static uint64_t read_revision(const grpc_byte_buffer *message)
{
	uint8_t octets[HEADER_MAX];
	struct wire wire = wire_of(octets, read_begin(message, octets));
	struct wire_field field;

	if (wire_next(&wire, &field) || field.number != 1)
		bench_fail("a message without a header");
	for (wire = field.bytes; !wire_next(&wire, &field);)
		if (field.number == HEADER_REVISION)
			return field.value;
	return 0;
}

static void follow(grpc_completion_queue *queue)
{
	for (;;) {
		grpc_event event = grpc_completion_queue_next(
			queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
		struct watch *watch = event.tag;

		if (!watch)
			continue;
		if (!watch->message)
			bench_fail("a watch has ended");
		/* One that stands has seen revision 0 at least. */
		atomic_store(watch->revision, read_revision(watch->message) + 1);
		grpc_byte_buffer_destroy(watch->message);
		receive(watch);
	}
}

/* --watch TARGET DESCRIPTOR NUMBER */
void watchers_main(int argc, char *argv[])
{
	static struct watch watches[WATCHERS_MAX];
	grpc_arg own = {.type = GRPC_ARG_INTEGER,
			.key = (char *)GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL,
			.value.integer = 1};
	const grpc_channel_args arguments = {1, &own};
	grpc_completion_queue *queue;
	grpc_channel *channel = NULL;
	_Atomic uint64_t *revisions;
	int n;

	if (argc != 5 || strcmp(argv[1], "--watch") != 0)
		return;
	n = atoi(argv[4]);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpriority(PRIO_PROCESS, 0, NICE);
	revisions = mmap(NULL, WATCHERS_MAX * sizeof(*revisions), PROT_READ | PROT_WRITE,
			 MAP_SHARED, atoi(argv[3]), 0);
	grpc_init();
	queue = grpc_completion_queue_create_for_next(NULL);
	for (int i = 0; i < n && i < WATCHERS_MAX; i++) {
		if (i % CHANNEL_STREAMS == 0)
			channel = grpc_channel_create(
				argv[2], grpc_insecure_credentials_create(), &arguments);
		watches[i].revision = &revisions[i];
		open_watch(&watches[i], channel, queue);
	}
	follow(queue);
}

/* ---- the process that waits ---- */

void watchers_wait(const struct watchers *watchers, uint64_t revision)
{
	double deadline = bench_seconds() + 60;

	for (unsigned int i = 0; i < watchers->n; i++)
		while (atomic_load(&watchers->revisions[i]) <= revision) {
			if (bench_seconds() > deadline)
				bench_fail("watch %u does not hear of revision %llu", i,
					   (unsigned long long)revision);
			usleep(500);
		}
}

void watchers_start(struct watchers *watchers, const struct bench_agent *agent, unsigned int n)
{
	const size_t size = WATCHERS_MAX * sizeof(*watchers->revisions);
	char descriptor[16], number[16], target[sizeof(agent->target)];
	char *const arguments[] = {
		(char *)"watchers", (char *)"--watch", target, descriptor, number, NULL};
	int fd = memfd_create("watchers", 0);

	*watchers = (struct watchers){.n = n};
	if (fd < 0 || ftruncate(fd, (off_t)size))
		bench_fail("no shared memory");
	watchers->revisions = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	snprintf(descriptor, sizeof(descriptor), "%d", fd);
	snprintf(number, sizeof(number), "%u", n);
	memcpy(target, agent->target, sizeof(target));
	if (posix_spawn(&watchers->pid, "/proc/self/exe", NULL, NULL, arguments, environ))
		bench_fail("cannot start the watchers");
	close(fd);
	watchers_wait(watchers, 0);
}

void watchers_stop(struct watchers *watchers)
{
	kill(watchers->pid, SIGKILL);
	waitpid(watchers->pid, NULL, 0);
	munmap((void *)watchers->revisions, WATCHERS_MAX * sizeof(*watchers->revisions));
}
