/* SPDX-License-Identifier: Apache-2.0 */
/* Pins that an agent cannot or must not go on with. */
#include "check.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datapath/state.h"
#include "marks.h"
#include "pinned.h"

#define HOST 16

/* The last pin first. */
static const char *const names[] = {
	"control", "stages", "common", "known_pairs", "observed_traffic",
	"filter",  "leases", "marks",  "networks",    "matches",
};

static int leave_mark(void **state)
{
	struct match match = marks_match(MARK_HOST, HOST);

	(void)state;
	pinned_open();
	pinned_keep_program();
	marks_add(pinned.datapath, &match, 5, 0);
	pinned_close();
	return 0;
}

static void expect_marked(void)
{
	assert_int_equal(marks_label(pinned.program, HOST), 5);
}

/* Downgrades are not undefined. */
static void a_newer_layout_is_refused(void **state)
{
	const uint32_t index = CONTROL_VERSION;
	const uint64_t version = ABI_VERSION + 1;
	int fd = bpf_obj_get(pinned_map("control"));

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(bpf_map_update_elem(fd, &index, &version, BPF_ANY), 0);
	close(fd);
	pinned_expect_refused(-EPROTO, "of a newer agent");
	expect_marked();
}

static void a_missing_map_is_named(void **state)
{
	(void)state;
	unlink(pinned_map("leases"));
	pinned_expect_refused(-EPROTO, "maps/leases is missing");
}

/* As after a kill between two pins. */
static void half_a_set_is_made_anew(void **state)
{
	struct match match = marks_match(MARK_HOST, HOST);

	(void)state;
	for (size_t half = 1; half <= sizeof(names) / sizeof(*names); half++) {
		for (size_t i = 0; i < half; i++)
			assert_int_equal(unlink(pinned_map(names[i])), 0);
		pinned_open();
		assert_int_equal(datapath_fill(pinned.datapath).marks, 0);
		marks_add(pinned.datapath, &match, 5, 0);
		assert_int_equal(marks_label(datapath_program(pinned.datapath, true), HOST), 5);
		pinned_close();
		pinned_open();
		assert_int_equal(datapath_fill(pinned.datapath).marks, 1);
		pinned_close();
	}
}

static void a_folder_elsewhere_is_refused(void **state)
{
	static const struct datapath_options elsewhere[] = {
		{.marks = 9, .networks = 9, .pin_dir = "/tmp/pins"},
		{.marks = 9, .networks = 9, .pin_dir = "/tmp/none/pins"},
	};

	(void)state;
	assert_int_equal(datapath_open(&elsewhere[0], &pinned.datapath), -ENODEV);
	assert_non_null(
		strstr(datapath_last_message(), "/tmp/pins is not on a BPF file system"));
	assert_int_equal(datapath_open(&elsewhere[1], &pinned.datapath), -ENOENT);
	assert_non_null(strstr(datapath_last_message(), "/tmp/none/pins"));
}

static void folders_are_for_the_owner_alone(void **state)
{
	struct stat status;

	(void)state;
	assert_int_equal(stat(pinned_path(""), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	assert_int_equal(stat(pinned_path("maps"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, leave_mark, pinned_clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_newer_layout_is_refused),       TEST(a_missing_map_is_named),
		TEST(half_a_set_is_made_anew),	       TEST(a_folder_elsewhere_is_refused),
		TEST(folders_are_for_the_owner_alone),
	};

	return cmocka_run_group_tests(tests, pinned_mount, NULL);
}
