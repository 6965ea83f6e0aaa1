/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the program costs a packet. Every figure is net of an empty program that is run in the
 * same rounds in the same way; ratios are to a bare lookup and write with the same key in the
 * same table. The seed's algorithm runs beside them.
 *
 * "same" sends one packet all the time; "random" gives each another of the destinations, so
 * that what is looked at is in the cache only as far as the table is small.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip6.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <packet.skel.h>

#include "addresses.h"
#include "cleanup.h"
#include "core/scitag.h"
#include "datapath/state.h"
#include "report.h"

#define PORT 5000
#define NETWORKS_MAX 16384
#define EACH_ITS_OWN (~0ull) /* rotate_high: destinations are networks */

enum { EMPTY, MARKER, BARE, SEED, CONTESTANTS };

struct bench {
	bool json, quick;
	const char *only; /* cases that begin so; NULL: all */
	struct datapath *datapath;
	struct packet *programs;
	uint32_t lease;
};

/* What is marked, and where packets go. */
struct scene {
	const char *name;
	enum mark_kind kind;
	uint32_t marks, networks; /* `networks` beside marks of another kind */
	uint64_t high, first; /* of the packets' destinations */
	uint32_t destinations;
	bool is_random;
	double must, aim;
	bool is_absolute;
};

static void fail(const char *step, int error)
{
	fprintf(stderr, "bench_packet: cannot %s: %s\n", step, strerror(-error));
	exit(EXIT_FAILURE);
}

static void check(const char *step, int error)
{
	if (error)
		fail(step, error);
}

/* ---- packets ---- */

struct frame {
	struct ethhdr link;
	struct ip6_hdr network;
	struct {
		uint16_t source, destination, length, checksum;
	} transport;
	uint8_t payload[64];
} __attribute__((packed));

static void address_put(uint8_t address[static 16], uint64_t high, uint64_t low)
{
	memcpy(address, &high, sizeof(high));
	memcpy(address + 8, &low, sizeof(low));
}

static uint64_t high_of(const struct scene *scene, uint64_t number)
{
	return bench_high(scene->high == EACH_ITS_OWN ? number : scene->high);
}

static struct frame frame_make(const struct scene *scene)
{
	struct frame frame = {
		.link.h_proto = htons(ETH_P_IPV6),
		.network.ip6_flow = htonl(6u << 28 | 0x12345),
		.network.ip6_nxt = IPPROTO_UDP,
		.transport = {.source = htons(PORT), .destination = htons(PORT)},
	};

	frame.network.ip6_plen = htons(sizeof(frame.transport) + sizeof(frame.payload));
	address_put(frame.network.ip6_dst.s6_addr, high_of(scene, scene->first),
		    bench_low(scene->first));
	return frame;
}

static double cpu_time(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* ns a packet. */
static double run(int program, const struct scene *scene, uint32_t repeat)
{
	struct frame frame = frame_make(scene);
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = &frame,
		    .data_size_in = sizeof(frame), .repeat = (int)repeat);
	double start = cpu_time(), end;
	int error = bpf_prog_test_run_opts(program, &options);

	end = cpu_time();
	check("run a packet", error);
	if ((int)options.retval != -1)
		fail("measure: the program did not answer UNSPEC", -EPROTO);
	return (end - start) / repeat;
}

/* ---- marks ---- */

static struct match match_make(enum mark_kind kind, uint64_t number)
{
	struct match match = {.kind = (uint8_t)kind, .prefix_length = 128};

	if (kind == MARK_NETWORK) {
		match.prefix_length = 48;
		address_put(match.destination, bench_high(number), 0);
		return match;
	}
	address_put(match.destination, bench_high(BENCH_HOSTS), bench_low(number));
	if (kind != MARK_HOST) {
		match.protocol = IPPROTO_UDP;
		match.destination_port = PORT;
	}
	if (kind == MARK_FLOW)
		match.source_port = PORT; /* from :: */
	return match;
}

static void marks_insert(const struct bench *bench, enum mark_kind kind, uint32_t n)
{
	enum { BATCH = 1000 };
	static struct match matches[BATCH];
	static struct datapath_change changes[BATCH];
	const struct mark_action action = {
		.label = MARK_LABEL_SCITAG, .experiment = 3, .activity = 4};

	for (uint32_t done = 0, count; done < n; done += count) {
		count = n - done < BATCH ? n - done : BATCH;
		for (uint32_t i = 0; i < count; i++) {
			matches[i] = match_make(kind, done + i);
			changes[i] = (struct datapath_change){.verb = DATAPATH_INSERT,
							      .match = &matches[i],
							      .action = action,
							      .lease = bench->lease};
		}
		check("insert marks", datapath_apply(bench->datapath, changes, count));
	}
}

static void datapath_make(struct bench *bench, const struct scene *scene)
{
	const bool is_network = scene->kind == MARK_NETWORK;
	const uint32_t exact = is_network ? 0 : scene->marks;
	const uint32_t networks = is_network ? scene->marks : scene->networks;
	const struct datapath_options options = {.marks = exact ? exact : 1,
						 .networks = networks ? networks : 1};
	struct timespec now;

	check("load the programs", datapath_open(&options, &bench->datapath));
	check("take a lease", datapath_lease_take(bench->datapath, &bench->lease));
	clock_gettime(CLOCK_BOOTTIME, &now);
	datapath_lease_set(bench->datapath, bench->lease, (now.tv_sec + 86400) * 1000000000);
	marks_insert(bench, scene->kind, scene->marks);
	marks_insert(bench, MARK_NETWORK, scene->networks);
}

/* ---- what it is compared with ---- */

static void seed_fill(const struct bench *bench, const struct scene *scene)
{
	const uint32_t label = 0x12345;

	for (uint32_t i = 0; i < scene->marks; i++) {
		struct match match = match_make(scene->kind, i);
		uint64_t halves[2];

		memcpy(halves, match.destination, sizeof(halves));
		check("fill the seed's table",
		      bpf_map_update_elem(bpf_map__fd(bench->programs->maps.highs), &halves[0],
					  &label, BPF_ANY));
		check("fill the seed's table",
		      bpf_map_update_elem(bpf_map__fd(bench->programs->maps.lows), &halves[1],
					  &label, BPF_ANY));
	}
}

static void baselines_make(struct bench *bench, const struct scene *scene)
{
	struct packet *programs = packet__open();
	const uint32_t rows = scene->marks ? scene->marks : 1;

	if (!programs)
		fail("open the baselines", -errno);
	bench->programs = programs;
	programs->rodata->bare_key =
		scene->kind < MARK_HOST ? scene->kind - MARK_FLOW : MARK_HOST - MARK_FLOW;
	bpf_map__set_max_entries(programs->maps.highs, rows);
	bpf_map__set_max_entries(programs->maps.lows, rows);
	check("share the table",
	      bpf_map__reuse_fd(programs->maps.matches, bench->datapath->matches.fd));
	check("load the baselines", packet__load(programs));
	if (scene->kind != MARK_NETWORK)
		seed_fill(bench, scene);
	programs->bss->rotate_first = scene->first;
	programs->bss->rotate_high = scene->high;
	programs->data->rotate_count = scene->destinations;
}

static int contestant(const struct bench *bench, int which)
{
	const struct packet *programs = bench->programs;

	switch (which) {
	case MARKER:
		return datapath_program(bench->datapath, true);
	case BARE:
		return bpf_program__fd(programs->progs.bare);
	case SEED:
		return bpf_program__fd(programs->progs.seed);
	default:
		return bpf_program__fd(programs->progs.empty);
	}
}

static double measure(const struct bench *bench, const struct scene *scene, int which)
{
	const uint32_t first = 0, repeat = bench->quick ? 200000 : 1000000;
	int program = contestant(bench, which);

	if (!scene->is_random)
		return run(program, scene, repeat);
	check("choose what is measured",
	      bpf_map_update_elem(bpf_map__fd(bench->programs->maps.measured), &first, &program,
				  BPF_ANY));
	return run(bpf_program__fd(bench->programs->progs.rotate), scene, repeat);
}

/* ---- scenes ---- */

static void scene_report(const struct bench *bench, const struct scene *scene,
			 double net[CONTESTANTS][REPORT_ROUNDS])
{
	struct report_case result = {
		.bench = "packet",
		.name = scene->name,
		.unit = "ns",
		.value = report_median(net[MARKER], REPORT_ROUNDS),
		.baseline = report_median(net[BARE], REPORT_ROUNDS),
		.spread = report_spread(net[MARKER], REPORT_ROUNDS),
		.must = scene->must,
		.aim = scene->aim,
		.is_absolute = scene->is_absolute,
	};
	double ratios[REPORT_ROUNDS];
	char name[64];

	for (int i = 0; i < REPORT_ROUNDS; i++)
		ratios[i] = net[MARKER][i] / net[BARE][i];
	result.ratio = report_median(ratios, REPORT_ROUNDS);
	report(&result, bench->json);
	if (scene->kind == MARK_NETWORK)
		return;
	snprintf(name, sizeof(name), "%s/seed", scene->name);
	for (int i = 0; i < REPORT_ROUNDS; i++)
		ratios[i] = net[SEED][i] / net[BARE][i];
	result.name = name;
	result.value = report_median(net[SEED], REPORT_ROUNDS);
	result.ratio = report_median(ratios, REPORT_ROUNDS);
	result.spread = report_spread(net[SEED], REPORT_ROUNDS);
	result.must = result.aim = 0;
	report(&result, bench->json);
}

static void scene_play(struct bench *bench, const struct scene *scene)
{
	double net[CONTESTANTS][REPORT_ROUNDS];

	if (bench->only && strncmp(scene->name, bench->only, strlen(bench->only)) != 0)
		return;
	datapath_make(bench, scene);
	baselines_make(bench, scene);
	for (int i = 0; i < CONTESTANTS; i++)
		measure(bench, scene, i); /* warms up */
	for (int round = 0; round < REPORT_ROUNDS; round++) {
		double empty = measure(bench, scene, EMPTY);

		for (int i = MARKER; i < CONTESTANTS; i++)
			net[i][round] = measure(bench, scene, i) - empty;
	}
	scene_report(bench, scene, net);
	packet__destroy(bench->programs);
	datapath_close(bench->datapath);
}

static const uint32_t sizes[] = {1, 1000, 100000, 1000000};
static const char *const kinds[] = {"flow", "endpoint", "host", "network"};

static void play_hits(struct bench *bench, enum mark_kind kind, uint32_t marks, bool is_random)
{
	char name[64];
	struct scene scene = {.name = name,
			      .kind = kind,
			      .marks = marks,
			      .high = kind == MARK_NETWORK ? EACH_ITS_OWN : BENCH_HOSTS,
			      .destinations = marks,
			      .is_random = is_random,
			      .must = kind == MARK_NETWORK ? 0 : 1.4,
			      .aim = kind == MARK_NETWORK ? 0 : 1.25};

	snprintf(name, sizeof(name), "hit/%s/%u/%s", kinds[kind - MARK_FLOW], marks,
		 is_random ? "random" : "same");
	scene_play(bench, &scene);
}

/* near: beside the marked ones; far: in a /48 of which nothing is marked. */
static void play_misses(struct bench *bench, uint32_t marks, uint32_t networks, bool is_far,
			bool is_random)
{
	const bool is_limited = marks == 100000 && networks;
	char name[64];
	struct scene scene = {.name = name,
			      .kind = MARK_HOST,
			      .marks = marks,
			      .networks = networks,
			      .high = is_far ? BENCH_FAR : BENCH_HOSTS,
			      .first = 1u << 30,
			      .destinations = 1000000,
			      .is_random = is_random,
			      .must = is_limited ? 0.5 : 0};

	snprintf(name, sizeof(name), "miss/%u+%u/%s/%s", marks, networks,
		 is_far ? "far" : "near", is_random ? "random" : "same");
	scene_play(bench, &scene);
}

static void play_nothing(struct bench *bench)
{
	const struct scene scene = {.name = "no marks",
				    .kind = MARK_HOST,
				    .high = BENCH_FAR,
				    .destinations = 1,
				    .must = 10,
				    .aim = 5,
				    .is_absolute = true};

	scene_play(bench, &scene);
}

static void play_all(struct bench *bench)
{
	const size_t n = bench->quick ? 3 : 4;

	play_nothing(bench);
	for (size_t i = 0; i < n; i++)
		for (int kind = MARK_FLOW; kind <= MARK_NETWORK; kind++) {
			uint32_t marks = sizes[i];

			if (kind == MARK_NETWORK && marks > NETWORKS_MAX)
				continue;
			play_hits(bench, kind, marks, false);
			if (marks > 1)
				play_hits(bench, kind, marks, true);
		}
	for (size_t i = 0; i < n; i++)
		for (int far = 0; far < 2; far++)
			for (int random = 0; random < 2; random++) {
				play_misses(bench, sizes[i], 0, far, random);
				if (sizes[i] == 100000)
					play_misses(bench, sizes[i], 10000, far, random);
			}
}

static const struct option options[] = {
	{"json", no_argument, NULL, 'j'},
	{"quick", no_argument, NULL, 'q'},
	{"only", required_argument, NULL, 'o'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

int main(int argc, char *argv[])
{
	struct bench bench = {.json = false};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 'j':
			bench.json = true;
			break;
		case 'q':
			bench.quick = true;
			break;
		case 'o':
			bench.only = optarg;
			break;
		default:
			printf("usage: bench_packet [--json] [--quick] [--only CASE]\n");
			return option == 'h' ? EXIT_SUCCESS : EXIT_FAILURE;
		}
	report_head("packet", bench.quick ? "quick" : "", bench.json);
	play_all(&bench);
	return EXIT_SUCCESS;
}
