/* SPDX-License-Identifier: Apache-2.0 */
#include "pinned.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "marks.h"

static char pin_dir[256];

struct pinned pinned = {
	.options = {.marks = 900, .networks = 20, .pin_dir = pin_dir},
	.program = -1,
};

int pinned_mount(void **state)
{
	(void)state;
	snprintf(pin_dir, sizeof(pin_dir), "%s/waymark", marks_bpffs());
	return 0;
}

int pinned_clean(void **state)
{
	(void)state;
	pinned_close();
	if (pinned.program >= 0)
		close(pinned.program);
	pinned.program = -1;
	return marks_unpin(pin_dir);
}

unsigned pinned_rounds(unsigned usual)
{
	const char *rounds = getenv("WAYMARK_ROUNDS");

	return rounds ? (unsigned)strtoul(rounds, NULL, 10) : usual;
}

void pinned_open(void)
{
	if (datapath_open(&pinned.options, &pinned.datapath))
		fail_msg("%s", datapath_last_message());
}

void pinned_expect_refused(int error, const char *message)
{
	assert_int_equal(datapath_open(&pinned.options, &pinned.datapath), error);
	assert_null(pinned.datapath);
	assert_non_null(strstr(datapath_last_message(), message));
}

void pinned_close(void)
{
	datapath_close(pinned.datapath);
	pinned.datapath = NULL;
}

void pinned_keep_program(void)
{
	if (pinned.program >= 0)
		close(pinned.program);
	pinned.program = dup(datapath_program(pinned.datapath, true));
	assert_true(pinned.program >= 0);
}

const char *pinned_path(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", pin_dir, name);
	return path;
}

const char *pinned_map(const char *name)
{
	char map[64];

	snprintf(map, sizeof(map), "maps/%s", name);
	return pinned_path(map);
}
