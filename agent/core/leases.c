/* SPDX-License-Identifier: Apache-2.0 */
#include "core/leases.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

void leases_done(struct leases *leases)
{
	for (size_t i = 0; i < leases->n; i++)
		free(leases->heap[i]);
	free(leases->heap);
	*leases = (struct leases){.n = 0};
}

static void put(struct leases *leases, size_t place, struct lease *lease)
{
	leases->heap[place] = lease;
	lease->place = (uint32_t)place;
}

static void sift_up(struct leases *leases, struct lease *lease)
{
	size_t place = lease->place;

	while (place > 0) {
		struct lease *parent = leases->heap[(place - 1) / 2];

		if (parent->deadline <= lease->deadline)
			break;
		put(leases, place, parent);
		place = (place - 1) / 2;
	}
	put(leases, place, lease);
}

/* The child that comes first; n or more: there is none. */
static size_t first_child(const struct leases *leases, size_t place)
{
	size_t left = 2 * place + 1;

	if (left + 1 < leases->n &&
	    leases->heap[left + 1]->deadline < leases->heap[left]->deadline)
		return left + 1;
	return left;
}

static void sift_down(struct leases *leases, struct lease *lease)
{
	size_t place = lease->place, child;

	while ((child = first_child(leases, place)) < leases->n &&
	       leases->heap[child]->deadline < lease->deadline) {
		put(leases, place, leases->heap[child]);
		place = child;
	}
	put(leases, place, lease);
}

int leases_add(struct leases *leases, struct lease *lease)
{
	if (leases->n == leases->max) {
		size_t max = leases->max ? 2 * leases->max : 64;
		struct lease **heap = reallocarray(leases->heap, max, sizeof(struct lease *));

		if (!heap)
			return -ENOMEM;
		leases->heap = heap;
		leases->max = max;
	}
	put(leases, leases->n++, lease);
	sift_up(leases, lease);
	return 0;
}

void leases_remove(struct leases *leases, struct lease *lease)
{
	struct lease *last = leases->heap[--leases->n];

	if (last == lease)
		return;
	put(leases, lease->place, last);
	sift_up(leases, last);
	sift_down(leases, last);
}

void leases_renew(struct leases *leases, struct lease *lease, int64_t deadline)
{
	lease->deadline = deadline;
	sift_up(leases, lease);
	sift_down(leases, lease);
}

struct lease *leases_first(const struct leases *leases)
{
	return leases->n > 0 ? leases->heap[0] : NULL;
}
