/* SPDX-License-Identifier: Apache-2.0 */
/* Pins that an agent cannot or must not go on with. */
#include "check.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datapath/state.h"
#include "marks.h"

#define HOST 16

/* The last pin first. */
static const char *const names[] = {
	"control",	    "writers",	    "interfaces", "known_pairs", "sent_traffic",
	"observed_traffic", "mark_traffic", "filter",	  "leases",	 "marks",
	"networks",	    "matches",
};

static char pin_dir[256];
static struct datapath_options options = {.marks = 900, .networks = 20, .pin_dir = pin_dir};
static struct datapath *datapath;
static int program; /* of the first agent, as if it were attached */

static const char *path_of(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/maps/%s", pin_dir, name);
	return path;
}

static void open_again(void)
{
	assert_int_equal(datapath_open(&options, &datapath), 0);
}

static int leave_mark(void **state)
{
	struct match match = marks_match(MARK_HOST, HOST);

	(void)state;
	open_again();
	program = dup(datapath_program(datapath, true));
	marks_add(datapath, &match, 5, 0);
	datapath_close(datapath);
	datapath = NULL;
	return 0;
}

static int clean(void **state)
{
	(void)state;
	datapath_close(datapath);
	datapath = NULL;
	close(program);
	return marks_unpin(pin_dir);
}

static void expect_marked(void)
{
	assert_int_equal(marks_label(program, HOST), 5);
}

static void expect_refused(int error, const char *message)
{
	assert_int_equal(datapath_open(&options, &datapath), error);
	assert_null(datapath);
	assert_non_null(strstr(datapath_last_message(), message));
}

static void other_sizes_are_refused(void **state)
{
	(void)state;
	options.marks = 901;
	expect_refused(-EPROTO, "entries");
	options.marks = 900;
	options.networks = 21;
	expect_refused(-EPROTO, "entries");
	options.networks = 20;
	expect_marked();
}

static void another_layout_is_refused(void **state)
{
	const uint32_t index = CONTROL_VERSION;
	const uint64_t version = ABI_VERSION + 1;
	int fd = bpf_obj_get(path_of("control"));

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(bpf_map_update_elem(fd, &index, &version, BPF_ANY), 0);
	close(fd);
	expect_refused(-EPROTO, "layout");
	expect_marked();
}

static void a_missing_map_is_named(void **state)
{
	(void)state;
	unlink(path_of("leases"));
	expect_refused(-EPROTO, "maps/leases is missing");
}

/* As after a kill between two pins. */
static void half_a_set_is_made_anew(void **state)
{
	struct match match = marks_match(MARK_HOST, HOST);

	(void)state;
	for (size_t half = 1; half <= sizeof(names) / sizeof(*names); half++) {
		for (size_t i = 0; i < half; i++)
			assert_int_equal(unlink(path_of(names[i])), 0);
		open_again();
		assert_int_equal(datapath_fill(datapath).marks, 0);
		marks_add(datapath, &match, 5, 0);
		assert_int_equal(marks_label(datapath_program(datapath, true), HOST), 5);
		datapath_close(datapath);
		open_again();
		assert_int_equal(datapath_fill(datapath).marks, 1);
		datapath_close(datapath);
		datapath = NULL;
	}
}

static void a_folder_elsewhere_is_refused(void **state)
{
	static const struct datapath_options elsewhere[] = {
		{.marks = 9, .networks = 9, .pin_dir = "/tmp/pins"},
		{.marks = 9, .networks = 9, .pin_dir = "/tmp/none/pins"},
	};

	(void)state;
	assert_int_equal(datapath_open(&elsewhere[0], &datapath), -ENODEV);
	assert_non_null(
		strstr(datapath_last_message(), "/tmp/pins is not on a BPF file system"));
	assert_int_equal(datapath_open(&elsewhere[1], &datapath), -ENOENT);
	assert_non_null(strstr(datapath_last_message(), "/tmp/none/pins"));
}

static void folders_are_for_the_owner_alone(void **state)
{
	struct stat status;

	(void)state;
	assert_int_equal(stat(pin_dir, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	assert_int_equal(stat(path_of(""), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
}

static int mount_bpffs(void **state)
{
	(void)state;
	snprintf(pin_dir, sizeof(pin_dir), "%s/waymark", marks_bpffs());
	return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, leave_mark, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(other_sizes_are_refused),	     TEST(another_layout_is_refused),
		TEST(a_missing_map_is_named),	     TEST(half_a_set_is_made_anew),
		TEST(a_folder_elsewhere_is_refused), TEST(folders_are_for_the_owner_alone),
	};

	return cmocka_run_group_tests(tests, mount_bpffs, NULL);
}
