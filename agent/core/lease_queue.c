/* SPDX-License-Identifier: Apache-2.0 */
#include "core/lease_queue.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

void lease_queue_done(struct lease_queue *queue)
{
	for (size_t i = 0; i < queue->n; i++)
		free(queue->heap[i]);
	free(queue->heap);
	*queue = (struct lease_queue){.n = 0};
}

static void put(struct lease_queue *queue, size_t place, struct lease *lease)
{
	queue->heap[place] = lease;
	lease->place = (uint32_t)place;
}

static void sift_up(struct lease_queue *queue, struct lease *lease)
{
	size_t place = lease->place;

	while (place > 0) {
		struct lease *parent = queue->heap[(place - 1) / 2];

		if (parent->deadline <= lease->deadline)
			break;
		put(queue, place, parent);
		place = (place - 1) / 2;
	}
	put(queue, place, lease);
}

/* The child that comes first; n or more: there is none. */
static size_t first_child(const struct lease_queue *queue, size_t place)
{
	size_t left = 2 * place + 1;

	if (left + 1 < queue->n &&
	    queue->heap[left + 1]->deadline < queue->heap[left]->deadline)
		return left + 1;
	return left;
}

static void sift_down(struct lease_queue *queue, struct lease *lease)
{
	size_t place = lease->place, child;

	while ((child = first_child(queue, place)) < queue->n &&
	       queue->heap[child]->deadline < lease->deadline) {
		put(queue, place, queue->heap[child]);
		place = child;
	}
	put(queue, place, lease);
}

int lease_queue_reserve(struct lease_queue *queue, size_t more)
{
	size_t max = queue->max ? queue->max : 64;
	struct lease **heap;

	while (max < queue->n + more)
		max *= 2;
	if (max == queue->max)
		return 0;
	heap = reallocarray(queue->heap, max, sizeof(struct lease *));
	if (!heap)
		return -ENOMEM;
	queue->heap = heap;
	queue->max = max;
	return 0;
}

int lease_queue_add(struct lease_queue *queue, struct lease *lease)
{
	int r = lease_queue_reserve(queue, 1);

	if (r < 0)
		return r;
	put(queue, queue->n++, lease);
	sift_up(queue, lease);
	return 0;
}

void lease_queue_remove(struct lease_queue *queue, struct lease *lease)
{
	struct lease *last = queue->heap[--queue->n];

	if (last == lease)
		return;
	put(queue, lease->place, last);
	sift_up(queue, last);
	sift_down(queue, last);
}

void lease_queue_renew(struct lease_queue *queue, struct lease *lease, int64_t deadline)
{
	lease->deadline = deadline;
	sift_up(queue, lease);
	sift_down(queue, lease);
}

struct lease *lease_queue_first(const struct lease_queue *queue)
{
	return queue->n > 0 ? queue->heap[0] : NULL;
}
