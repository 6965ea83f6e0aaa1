/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts right what somebody else has changed in the maps. What packets need is written in the
 * order of datapath_apply(): word and filter before the key.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include <marker.skel.h>

#include "datapath/shared.h"
#include "datapath/state.h"
#include "datapath/word.h"

static int entry_repair(struct datapath *datapath, const struct datapath_expected *expected)
{
	struct table *table = table_of(datapath, expected->match);
	struct entry entry = entry_make(expected->match, expected->slot);
	uint64_t value;
	int error = table_get(table, &entry, &value);

	if (!error && value == entry.value)
		return 0;
	if (error && error != -ENOENT)
		return error;
	error = table_put(table, &entry);
	return error ? error : 1;
}

static int mark_repair(struct datapath *datapath, const struct datapath_expected *expected)
{
	unsigned repairs = 0;
	int repaired;

	if (!filter_has(&datapath->filter, expected->match, expected->slot))
		return -EINVAL;
	if (expected->lease)
		repairs = leases_repair(&datapath->leases, expected->lease, &datapath->clock);
	repairs += rows_repair(&datapath->rows, expected->slot, expected->match->kind,
			       word_encode(&expected->action, expected->lease));
	repairs += filter_repair(&datapath->filter, expected->slot);
	repaired = entry_repair(datapath, expected);
	return repaired < 0 ? repaired : (int)repairs + repaired;
}

static uint32_t program_id(int fd)
{
	struct bpf_prog_info info = {0};
	uint32_t length = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &length) ? 0 : info.id;
}

static int stage_repair(const struct marker *programs, enum stage stage)
{
	const uint32_t index = stage;
	uint32_t id = 0;
	int error = bpf_map_lookup_elem(bpf_map__fd(programs->maps.stages), &index, &id);

	if (error && error != -ENOENT)
		return error;
	if (!error && id == program_id(stage_program(programs, stage)))
		return 0;
	error = stage_plug(programs, stage);
	return error ? error : 1;
}

static int stages_repair(const struct marker *programs)
{
	int repairs = 0;

	for (enum stage stage = 0; repairs >= 0 && stage < STAGES; stage++) {
		int repaired = stage_repair(programs, stage);

		repairs = repaired < 0 ? repaired : repairs + repaired;
	}
	return repairs;
}

static int common_repair(struct datapath *datapath)
{
	const struct maps *maps = &datapath->maps;
	unsigned repairs = filter_repair_common(&datapath->filter) +
			   leases_repair(&datapath->leases, 0, &datapath->clock) +
			   shared_repair(&maps->common->observe, datapath->observing) +
			   shared_repair(&maps->control[CONTROL_VERSION], ABI_VERSION);
	int repaired = stages_repair(datapath->programs);

	return repaired < 0 ? repaired : (int)repairs + repaired;
}

int datapath_audit(struct datapath *datapath, const struct datapath_expected expected[],
		   size_t n)
{
	int repairs = common_repair(datapath);

	for (size_t i = 0; repairs >= 0 && i < n; i++) {
		int repaired = mark_repair(datapath, &expected[i]);

		repairs = repaired < 0 ? repaired : repairs + repaired;
	}
	return repairs;
}

/* Keeps `cursor` on the last key that stays: what is behind that key comes next. */
static int sweep_one(const struct table *table, struct datapath_cursor *cursor,
		     bool (*known)(const struct match *match, uint32_t slot, void *user),
		     void *user)
{
	union entry_key key;
	struct entry entry;
	struct match match;
	uint32_t slot;
	int error;

	memcpy(&key, cursor->key, sizeof(key));
	error = table_next(table, cursor->started ? &key : NULL, &entry);
	if (error)
		return error;
	if (entry_read(&entry, &match, &slot) && known(&match, slot, user)) {
		memcpy(cursor->key, &entry.key, sizeof(cursor->key));
		cursor->started = true;
		return 0;
	}
	error = table_drop(table, &entry);
	return error ? error : 1;
}

int datapath_sweep(struct datapath *datapath, struct datapath_cursor *cursor, size_t n,
		   bool (*known)(const struct match *match, uint32_t slot, void *user),
		   void *user, bool *ret_end)
{
	bool end = false;
	int repairs = 0;

	for (size_t i = 0; i < n && !end; i++) {
		int swept =
			sweep_one(cursor->networks ? &datapath->networks : &datapath->matches,
				  cursor, known, user);

		if (swept < 0 && swept != -ENOENT)
			return swept;
		if (swept > 0)
			repairs += swept;
		else if (swept) {
			end = cursor->networks;
			*cursor = (struct datapath_cursor){.networks = !end};
		}
	}
	*ret_end = end;
	return repairs;
}
