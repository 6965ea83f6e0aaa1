/* SPDX-License-Identifier: Apache-2.0 */
#include "raw.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "bpf/abi.h"

enum { BATCH = 1024, READ_BATCH = 8192 };

enum verb { UPDATE, REMOVE };

static void change(int fd, enum verb verb, uint32_t n)
{
	LIBBPF_OPTS(bpf_map_batch_opts, batch);
	static struct exact_key keys[BATCH];
	static uint64_t values[BATCH];

	for (uint32_t i = 0; i < n; i += BATCH) {
		uint32_t count = n - i < BATCH ? n - i : BATCH;

		for (uint32_t k = 0; k < count; k++) {
			memcpy(&keys[k], &(uint32_t){i + k}, 4);
			values[k] = i + k;
		}
		if ((verb == UPDATE ? bpf_map_update_batch(fd, keys, values, &count, &batch)
				    : bpf_map_delete_batch(fd, keys, &count, &batch)) < 0)
			bench_fail("cannot change the map");
	}
}

static void lookup(int fd, uint32_t n)
{
	LIBBPF_OPTS(bpf_map_batch_opts, batch);
	static struct exact_key keys[READ_BATCH];
	static uint64_t values[READ_BATCH];
	uint32_t place = 0, found = 0, count;
	int r;

	do {
		count = READ_BATCH;
		r = bpf_map_lookup_batch(fd, found ? &place : NULL, &place, keys, values,
					 &count, &batch);
		if (r < 0 && r != -ENOENT)
			bench_fail("cannot read the map: %s", strerror(-r));
		found += count;
	} while (r == 0);
	if (found != n)
		bench_fail("the map has %u keys, not %u", found, n);
}

static int make_map(uint32_t n, enum raw_history history)
{
	LIBBPF_OPTS(bpf_map_create_opts, create);
	int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "bench_raw", sizeof(struct exact_key), 8, n,
				&create);

	if (fd < 0)
		bench_fail("cannot make a map");
	if (history == RAW_USED) {
		change(fd, UPDATE, n);
		change(fd, REMOVE, n);
	}
	return fd;
}

struct raw_rates raw_measure(uint32_t n, enum raw_history history)
{
	int fd = make_map(n, history);
	struct raw_rates rates;
	double start = bench_seconds(), cpu = bench_cpu_seconds(getpid());

	change(fd, UPDATE, n);
	rates.update = n / (bench_seconds() - start);
	rates.update_cpu = (bench_cpu_seconds(getpid()) - cpu) / n;
	start = bench_seconds();
	lookup(fd, n);
	rates.lookup = n / (bench_seconds() - start);
	close(fd);
	return rates;
}
