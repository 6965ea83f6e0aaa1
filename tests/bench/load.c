/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <stdio.h>
#include <stdlib.h>

#include "pem.h"
#include "report.h"

/* The agent takes 100 calls at a time of one connection. */
enum { CHANNEL_CALLS = 64, LATENCIES_MAX = 1 << 20 };

struct load {
	grpc_channel *channels[LOAD_CHANNELS];
	void *methods[LOAD_CHANNELS];
	grpc_completion_queue *queue;
	grpc_slice *requests;
	size_t n_requests, next;
	float *latencies; /* microseconds */
	size_t n_latencies;
};

struct flight {
	grpc_call *call;
	double start;
	void *method;
	grpc_channel *channel;
	grpc_metadata_array initial, trailing;
	grpc_byte_buffer *request, *response;
	grpc_status_code code;
	grpc_slice details;
};

static grpc_channel_credentials *credentials(const struct bench_agent *agent)
{
	char ca[128], certificate[128], key[128];
	grpc_ssl_pem_key_cert_pair pair;

	if (agent->transport != BENCH_TLS)
		return grpc_insecure_credentials_create();
	bench_agent_file(agent, "ca.pem", ca);
	bench_agent_file(agent, "client.pem", certificate);
	bench_agent_file(agent, "client.key", key);
	pair = (grpc_ssl_pem_key_cert_pair){pem_read(key), pem_read(certificate)};
	return grpc_ssl_credentials_create(pem_read(ca), &pair, NULL, NULL);
}

struct load *load_open(const struct bench_agent *agent, const char *target)
{
	/* Or all channels would share one connection. */
	grpc_arg own = {.type = GRPC_ARG_INTEGER,
			.key = (char *)GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL,
			.value.integer = 1};
	const grpc_channel_args arguments = {1, &own};
	grpc_channel_credentials *secrets = credentials(agent);
	struct load *load = calloc(1, sizeof(*load));

	load->latencies = calloc(LATENCIES_MAX, sizeof(*load->latencies));
	load->queue = grpc_completion_queue_create_for_next(NULL);
	for (int i = 0; i < LOAD_CHANNELS; i++)
		load->channels[i] = grpc_channel_create(target, secrets, &arguments);
	grpc_channel_credentials_release(secrets);
	return load;
}

static void clear_requests(struct load *load)
{
	for (size_t i = 0; i < load->n_requests; i++)
		grpc_slice_unref(load->requests[i]);
	free(load->requests);
	load->requests = NULL;
	load->n_requests = load->next = 0;
}

void load_close(struct load *load)
{
	clear_requests(load);
	for (int i = 0; i < LOAD_CHANNELS; i++)
		grpc_channel_destroy(load->channels[i]);
	grpc_completion_queue_destroy(load->queue);
	free(load->latencies);
	free(load);
}

void load_begin(struct load *load, const char *path)
{
	clear_requests(load);
	for (int i = 0; i < LOAD_CHANNELS; i++)
		load->methods[i] =
			grpc_channel_register_call(load->channels[i], path, NULL, NULL);
}

void load_add(struct load *load, const ProtobufCMessage *request)
{
	grpc_slice octets = grpc_slice_malloc(protobuf_c_message_get_packed_size(request));

	load->requests = reallocarray(load->requests, load->n_requests + 1, sizeof(octets));
	if (!load->requests)
		bench_fail("no memory");
	protobuf_c_message_pack(request, GRPC_SLICE_START_PTR(octets));
	load->requests[load->n_requests++] = octets;
}

static void launch(struct load *load, struct flight *flight)
{
	grpc_op ops[6] = {
		{.op = GRPC_OP_SEND_INITIAL_METADATA,
		 .flags = GRPC_INITIAL_METADATA_WAIT_FOR_READY},
		{.op = GRPC_OP_SEND_MESSAGE},
		{.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
		{.op = GRPC_OP_RECV_INITIAL_METADATA,
		 .data.recv_initial_metadata.recv_initial_metadata = &flight->initial},
		{.op = GRPC_OP_RECV_MESSAGE,
		 .data.recv_message.recv_message = &flight->response},
		{.op = GRPC_OP_RECV_STATUS_ON_CLIENT,
		 .data.recv_status_on_client = {.trailing_metadata = &flight->trailing,
						.status = &flight->code,
						.status_details = &flight->details}},
	};
	grpc_slice *request = &load->requests[load->next++ % load->n_requests];

	grpc_metadata_array_init(&flight->initial);
	grpc_metadata_array_init(&flight->trailing);
	flight->request = grpc_raw_byte_buffer_create(request, 1);
	flight->response = NULL;
	ops[1].data.send_message.send_message = flight->request;
	flight->start = bench_seconds();
	flight->call = grpc_channel_create_registered_call(
		flight->channel, NULL, GRPC_PROPAGATE_DEFAULTS, load->queue, flight->method,
		gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
	if (grpc_call_start_batch(flight->call, ops, 6, flight, NULL) != GRPC_CALL_OK)
		bench_fail("cannot call");
}

static void land(struct load *load, struct flight *flight)
{
	if (flight->code != GRPC_STATUS_OK)
		bench_fail("call failed with %d: %.*s", flight->code,
			   (int)GRPC_SLICE_LENGTH(flight->details),
			   (const char *)GRPC_SLICE_START_PTR(flight->details));
	if (load->n_latencies < LATENCIES_MAX)
		load->latencies[load->n_latencies++] =
			(float)(1e6 * (bench_seconds() - flight->start));
	grpc_metadata_array_destroy(&flight->initial);
	grpc_metadata_array_destroy(&flight->trailing);
	grpc_byte_buffer_destroy(flight->request);
	grpc_byte_buffer_destroy(flight->response);
	grpc_slice_unref(flight->details);
	grpc_call_unref(flight->call);
}

static struct flight *next_landed(struct load *load)
{
	return grpc_completion_queue_next(load->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC),
					  NULL)
		.tag;
}

/* Hands the answer over before the call is forgotten. */
static void deliver(struct load *load, struct flight *flight, load_take *take, void *user)
{
	grpc_byte_buffer_reader reader;
	grpc_slice octets;

	if (flight->code == GRPC_STATUS_OK) {
		if (!flight->response ||
		    !grpc_byte_buffer_reader_init(&reader, flight->response))
			bench_fail("no answer");
		octets = grpc_byte_buffer_reader_readall(&reader);
		take(user, wire_of(GRPC_SLICE_START_PTR(octets), GRPC_SLICE_LENGTH(octets)));
		grpc_slice_unref(octets);
		grpc_byte_buffer_reader_destroy(&reader);
	}
	land(load, flight);
}

void load_call(struct load *load, load_take *take, void *user)
{
	struct flight flight = {.channel = load->channels[0], .method = load->methods[0]};

	launch(load, &flight);
	next_landed(load);
	deliver(load, &flight, take, user);
}

double load_send_all(struct load *load, load_take *take, void *user)
{
	struct flight flights[LOAD_CHANNELS];
	double start = bench_seconds();

	for (size_t i = 0; i < LOAD_CHANNELS && i < load->n_requests; i++) {
		flights[i] = (struct flight){.channel = load->channels[i],
					     .method = load->methods[i]};
		launch(load, &flights[i]);
	}
	for (size_t landed = 0; landed < load->n_requests; landed++) {
		struct flight *flight = next_landed(load);

		deliver(load, flight, take, user);
		if (load->next < load->n_requests)
			launch(load, flight);
	}
	return bench_seconds() - start;
}

static int compare(const void *a, const void *b)
{
	const float *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

struct load_result load_run(struct load *load, unsigned int outstanding, double seconds,
			    pid_t server)
{
	struct flight *flights = calloc(outstanding, sizeof(*flights));
	double cpu = bench_cpu_seconds(server), start = bench_seconds(), now;
	struct load_result result;
	size_t n = 0;

	load->n_latencies = 0;
	for (unsigned int i = 0; i < outstanding; i++) {
		flights[i].channel = load->channels[i / CHANNEL_CALLS];
		flights[i].method = load->methods[i / CHANNEL_CALLS];
		launch(load, &flights[i]);
	}
	do {
		struct flight *flight = next_landed(load);

		land(load, flight);
		launch(load, flight);
		now = bench_seconds();
		n++;
	} while (now - start < seconds);
	cpu = bench_cpu_seconds(server) - cpu;
	for (unsigned int i = 0; i < outstanding; i++)
		land(load, next_landed(load));
	free(flights);
	qsort(load->latencies, load->n_latencies, sizeof(*load->latencies), compare);
	result.rate = (double)n / (now - start);
	result.cpu = 1e6 * cpu / (double)n;
	result.p50 = (double)load->latencies[load->n_latencies / 2];
	result.p99 = (double)load->latencies[load->n_latencies * 99 / 100];
	return result;
}
