/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that cannot be used are refused with a reason, and stay as they are. Backups, and what
 * is not one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <waymark/store/v1/store.pb-c.h>

#include "cleanup.h"
#include "store_fixture.h"

/* ---- files as octets ---- */

struct octets {
	char *bytes;
	size_t size;
};

static struct octets read_octets(const char *file)
{
	cleanup(close_file) FILE *stream = fopen(file, "re");
	struct octets octets = {NULL, 0};
	struct stat status;

	assert_non_null(stream);
	assert_int_equal(fstat(fileno(stream), &status), 0);
	octets.size = (size_t)status.st_size;
	octets.bytes = malloc(octets.size + 1);
	assert_non_null(octets.bytes);
	assert_int_equal(fread(octets.bytes, 1, octets.size, stream), octets.size);
	return octets;
}

static void write_octets(const char *file, const char *bytes, size_t size)
{
	cleanup(close_file) FILE *stream = fopen(file, "we");

	assert_non_null(stream);
	assert_int_equal(fwrite(bytes, 1, size, stream), size);
}

/* Opening fails so, says so, and changes nothing. */
static void expect_refused(struct store_fixture *fixture, int expected, const char *words)
{
	struct octets before = read_octets(fixture->file), after;
	char error[STORE_ERROR_MAX];
	int r = fixture_open_error(fixture, error);

	if (r != expected || !strstr(error, words) || !strstr(error, fixture->file))
		fail_msg("%d: %s", r, error);
	after = read_octets(fixture->file);
	assert_int_equal(before.size, after.size);
	assert_memory_equal(before.bytes, after.bytes, before.size);
	free(before.bytes);
	free(after.bytes);
}

static void test_foreign_file(void **state)
{
	struct store_fixture *fixture = *state;
	static char text[20000];

	fixture_close(fixture);
	memset(text, 'x', sizeof(text));
	for (size_t size = 0; size <= sizeof(text); size += 4000) {
		write_octets(fixture->file, text, size);
		expect_refused(fixture, -EBADMSG, "damaged");
	}
}

/* ---- LMDB files of others ---- */

static MDB_env *open_lmdb(const char *file)
{
	MDB_env *env;

	assert_int_equal(mdb_env_create(&env), 0);
	mdb_env_set_maxdbs(env, 4);
	assert_int_equal(mdb_env_open(env, file, MDB_NOSUBDIR | MDB_NOLOCK, 0600), 0);
	return env;
}

static void put_lmdb(const char *file, const char *table, const char *key, void *value,
		     size_t size)
{
	MDB_env *env = open_lmdb(file);
	MDB_val lmdb_key = {strlen(key), (void *)key}, lmdb_value = {size, value};
	MDB_txn *txn;
	MDB_dbi dbi;

	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, table, MDB_CREATE, &dbi), 0);
	assert_int_equal(mdb_put(txn, dbi, &lmdb_key, &lmdb_value, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void test_foreign_lmdb_file(void **state)
{
	struct store_fixture *fixture = *state;

	fixture_close(fixture);
	assert_int_equal(unlink(fixture->file), 0);
	put_lmdb(fixture->file, "accounts", "somebody", (void *)"else", 4);
	expect_refused(fixture, -EBADMSG, "not Waymark's");
}

static void put_format(const char *file, uint32_t format)
{
	Waymark__Store__V1__Meta meta = WAYMARK__STORE__V1__META__INIT;
	uint8_t bytes[256];

	meta.format = format;
	meta.program = (char *)"7.8.9";
	put_lmdb(file, "meta", "meta", bytes, waymark__store__v1__meta__pack(&meta, bytes));
}

static void test_newer_format(void **state)
{
	struct store_fixture *fixture = *state;

	commit_marks(fixture->store, 1, 3);
	fixture_close(fixture);
	put_format(fixture->file, 2);
	expect_refused(fixture, -EPROTO, "format 2, written by version 7.8.9");
	put_format(fixture->file, 0);
	expect_refused(fixture, -EBADMSG, "damaged");
}

/* ---- damage ---- */

static void test_truncated(void **state)
{
	struct store_fixture *fixture = *state;
	struct octets whole;

	commit_marks(fixture->store, 1, 50000);
	fixture_close(fixture);
	whole = read_octets(fixture->file);
	for (size_t size = 1; size < whole.size / 4; size = 3 * size + 100) {
		assert_int_equal(truncate(fixture->file, (off_t)size), 0);
		expect_refused(fixture, -EBADMSG, "damaged");
		write_octets(fixture->file, whole.bytes, whole.size);
	}
	free(whole.bytes);
	fixture_open(fixture);
	assert_int_equal(count_records(fixture->store), 50000);
}

/* Every place where this text is in the file gets another one of the same length. */
static void damage(const char *file, const char *text, const char *other)
{
	struct octets octets = read_octets(file);
	const size_t length = strlen(text);
	char *place = octets.bytes;

	while ((place = memmem(place, octets.size - (size_t)(place - octets.bytes), text,
			       length)))
		for (size_t i = 0; i < length; i++)
			place[i] = other[i];
	write_octets(file, octets.bytes, octets.size);
	free(octets.bytes);
}

static void test_damaged_record(void **state)
{
	struct store_fixture *fixture = *state;

	commit_marks(fixture->store, 1, 100);
	fixture_close(fixture);
	damage(fixture->file, "2001:db8:0:0:0:0:0:64", "2001:db8:0:0:0:0:0:6x");
	expect_refused(fixture, -EBADMSG, "damaged: revision 100 cannot be read");
}

static void test_damaged_header(void **state)
{
	struct store_fixture *fixture = *state;
	struct octets octets;

	commit_marks(fixture->store, 1, 100);
	fixture_close(fixture);
	octets = read_octets(fixture->file);
	memset(octets.bytes, 0, 4096);
	write_octets(fixture->file, octets.bytes, octets.size);
	free(octets.bytes);
	expect_refused(fixture, -EBADMSG, "damaged");
}

/* ---- places ---- */

static void expect_error(struct store_fixture *fixture, int expected, const char *words)
{
	char error[STORE_ERROR_MAX];
	int r = fixture_open_error(fixture, error);

	if (r != expected || !strstr(error, words))
		fail_msg("%d: %s", r, error);
}

static void test_directory_is_made_for_its_owner_only(void **state)
{
	struct store_fixture *fixture = *state, inner = {.store = NULL};
	struct stat status;

	snprintf(inner.directory, sizeof(inner.directory), "%.40s/inner", fixture->directory);
	fixture_open(&inner);
	assert_int_equal(stat(inner.directory, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	assert_int_equal(stat(fixture->file, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	fixture_close(&inner);
	snprintf(inner.directory, sizeof(inner.directory), "%.40s/a/b", fixture->directory);
	expect_error(&inner, -ENOENT, "/a/b: No such file");
	snprintf(inner.directory, sizeof(inner.directory), "/dev/null");
	expect_error(&inner, -ENOTDIR, "/dev/null/lock: Not a directory");
}

static void test_one_at_a_time(void **state)
{
	struct store_fixture *fixture = *state, second = *fixture;
	char holder[64];

	snprintf(holder, sizeof(holder), "in use by process %d", getpid());
	expect_error(&second, -EBUSY, holder);
	fixture_close(fixture);
	fixture_open(&second);
	fixture_close(&second);
}

/* In another process, as somebody without any rights. */
static void test_no_permission(void **state)
{
	struct store_fixture *fixture = *state;
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	fixture_close(fixture);
	pid = fork();
	if (pid == 0) {
		char error[STORE_ERROR_MAX];
		int r = setuid(65534) < 0 ? -errno : fixture_open_error(fixture, error);

		_exit(r == -EACCES && strstr(error, fixture->directory) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_crash_while_it_was_made(void **state)
{
	struct store_fixture *fixture = *state;
	char half[128];

	fixture_close(fixture);
	snprintf(half, sizeof(half), "%s.new", fixture->file);
	assert_int_equal(rename(fixture->file, half), 0);
	assert_int_equal(truncate(half, 5000), 0);
	fixture_open(fixture);
	commit_marks(fixture->store, 1, 1);
	assert_int_equal(access(half, F_OK), -1);
}

/* ---- backups ---- */

static void test_backup_keeps_all_tables(void **state)
{
	struct store_fixture *fixture = *state, restored = {.store = NULL};
	const struct store_options options = {restored.directory, 0};
	struct store_lease lease = {.id = 5, .owner = "cn:a"};
	char file[96], error[STORE_ERROR_MAX];

	commit_marks(fixture->store, 1, 10);
	begin(fixture->store);
	take_away(fixture->store, 11, 10, 10);
	assert_int_equal(store_put_lease(fixture->store, &lease), 0);
	assert_int_equal(store_put_owner(fixture->store, "cn:a", 3), 0);
	commit(fixture->store);
	snprintf(file, sizeof(file), "%s/backup", fixture->directory);
	assert_int_equal(backup_beside(fixture, file), 0);
	assert_int_equal(backup_beside(fixture, file), -EEXIST);
	assert_int_equal(backup_beside(fixture, "/no/such/place"), -ENOENT);
	assert_int_equal(store_backup("/no/such/place", file, error), -ENOENT);
	assert_non_null(strstr(error, "/no/such/place"));

	make_directory(restored.directory);
	assert_int_equal(store_restore(&options, file, error), 0);
	fixture_open(&restored);
	assert_int_equal(store_revision(restored.store), 11);
	assert_int_equal(count_records(restored.store), 11);
	assert_int_equal(store_last_lease(restored.store), 5);
	assert_int_equal(store_restore(&options, file, error), -EBUSY);
	fixture_close(&restored);
	assert_int_equal(store_restore(&options, file, error), -EEXIST);
	assert_non_null(strstr(error, "there is a database already"));
	remove_directory(restored.directory);
}

static void test_restore_of_no_backup(void **state)
{
	struct store_fixture *fixture = *state, restored = {.store = NULL};
	const struct store_options options = {restored.directory, 0};
	char file[96], error[STORE_ERROR_MAX];

	commit_marks(fixture->store, 1, 5000);
	snprintf(file, sizeof(file), "%s/backup", fixture->directory);
	make_directory(restored.directory);
	assert_int_equal(store_restore(&options, file, error), -ENOENT);
	write_octets(file, "something else", 14);
	assert_int_equal(store_restore(&options, file, error), -EBADMSG);
	assert_non_null(strstr(error, file));
	assert_int_equal(unlink(file), 0);
	assert_int_equal(backup_beside(fixture, file), 0);
	assert_int_equal(truncate(file, 100000), 0);
	assert_int_equal(store_restore(&options, file, error), -EBADMSG);
	/* Nothing of it is left in the way. */
	fixture_open(&restored);
	assert_int_equal(store_revision(restored.store), 0);
	fixture_close(&restored);
	remove_directory(restored.directory);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_foreign_file),
		TEST(test_foreign_lmdb_file),
		TEST(test_newer_format),
		TEST(test_truncated),
		TEST(test_damaged_record),
		TEST(test_damaged_header),
		TEST(test_directory_is_made_for_its_owner_only),
		TEST(test_one_at_a_time),
		TEST(test_no_permission),
		TEST(test_crash_while_it_was_made),
		TEST(test_backup_keeps_all_tables),
		TEST(test_restore_of_no_backup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
