/* SPDX-License-Identifier: Apache-2.0 */
#include "store/live.h"

#include <errno.h>
#include <stdlib.h>

#define GAP (UINT64_C(1) << 63)
#define GAPS_MIN 1024 /* fewer are not worth the move */

void live_done(struct live *live)
{
	free(live->revisions);
	*live = (struct live){.n = 0};
}

int live_reserve(struct live *live, size_t more)
{
	size_t wanted = live->n + more;
	uint64_t *grown;

	if (wanted <= live->max)
		return 0;
	if (wanted < live->max + live->max / 2)
		wanted = live->max + live->max / 2;
	grown = reallocarray(live->revisions, wanted, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	live->revisions = grown;
	live->max = wanted;
	return 0;
}

void live_add(struct live *live, uint64_t revision)
{
	live->revisions[live->n++] = revision;
}

/* Place of the first entry, gap or not, that is not below this revision. */
static size_t find(const struct live *live, uint64_t revision)
{
	size_t low = 0, high = live->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if ((live->revisions[middle] & ~GAP) < revision)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void close_gaps(struct live *live)
{
	size_t kept = 0;

	for (size_t i = 0; i < live->n; i++)
		if (!(live->revisions[i] & GAP))
			live->revisions[kept++] = live->revisions[i];
	live->n = kept;
	live->gaps = 0;
}

void live_remove(struct live *live, uint64_t revision)
{
	size_t place = find(live, revision);

	if (place == live->n || live->revisions[place] != revision)
		return;
	live->revisions[place] |= GAP;
	live->gaps++;
	if (live->gaps > GAPS_MIN && live->gaps > live->n / 4)
		close_gaps(live);
}

bool live_has(const struct live *live, uint64_t revision, size_t *place)
{
	/* Close by: walk there. */
	for (int steps = 0; steps < 8 && *place < live->n; steps++, ++*place)
		if ((live->revisions[*place] & ~GAP) >= revision)
			return live->revisions[*place] == revision;
	*place = find(live, revision);
	return *place < live->n && live->revisions[*place] == revision;
}
