/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "wire/read.h"

#define BYTES(text) wire_of(text, sizeof(text) - 1)

static void expect_varint(struct wire wire, int err, uint64_t expected)
{
	uint64_t value = 4711;

	assert_int_equal(wire_varint(&wire, &value), err);
	assert_true(value == (err ? 4711 : expected));
	if (!err)
		assert_int_equal(wire_left(&wire), 0);
}

static void varints(void **state)
{
	(void)state;
	expect_varint(BYTES("\x00"), 0, 0);
	expect_varint(BYTES("\x7F"), 0, 127);
	expect_varint(BYTES("\x96\x01"), 0, 150);
	expect_varint(BYTES("\x80\x00"), 0, 0);
	expect_varint(BYTES("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), 0, UINT64_MAX);
	expect_varint(BYTES(""), -EBADMSG, 0);
	expect_varint(BYTES("\x80"), -EBADMSG, 0);
	/* 65 bits, and eleven octets. */
	expect_varint(BYTES("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02"), -EBADMSG, 0);
	expect_varint(BYTES("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), -EBADMSG, 0);
}

static void fields(void **state)
{
	struct wire wire = BYTES("\x08\x05"
				 "\x12\x02xy"
				 "\x1D\x01\x02\x03\x04"
				 "\x21\x01\x00\x00\x00\x00\x00\x00\x80"
				 "\xF8\xFF\xFF\xFF\x0F\x01"
				 "\x12\x00");
	struct wire_field field;

	(void)state;
	assert_int_equal(wire_next(&wire, &field), 0);
	assert_int_equal(field.number, 1);
	assert_int_equal(field.value, 5);
	assert_int_equal(wire_next(&wire, &field), 0);
	assert_int_equal(field.number, 2);
	assert_int_equal(wire_left(&field.bytes), 2);
	assert_memory_equal(field.bytes.at, "xy", 2);
	assert_int_equal(wire_next(&wire, &field), 0);
	assert_int_equal(field.value, 0x04030201);
	assert_int_equal(wire_next(&wire, &field), 0);
	assert_true(field.value == 0x8000000000000001);
	assert_int_equal(wire_next(&wire, &field), 0);
	assert_int_equal(field.number, (1 << 29) - 1);
	assert_int_equal(wire_next(&wire, &field), 0);
	assert_int_equal(wire_left(&field.bytes), 0);
	assert_int_equal(wire_left(&wire), 0);
	assert_int_equal(wire_next(&wire, &field), -EBADMSG);
}

static void garbage(void **state)
{
	struct wire cases[] = {
		BYTES("\x00"), /* number 0 */
		BYTES("\x80\x80\x80\x80\x10\x01"), /* number 2^29 */
		BYTES("\x08"), /* nothing behind it */
		BYTES("\x12\x03xy"), /* longer than the rest */
		BYTES("\x12\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"),
		BYTES("\x1D\x01\x02\x03"), /* short fixed32 */
		BYTES("\x21\x01\x02\x03\x04\x05\x06\x07"), /* short fixed64 */
		BYTES("\x0B"), /* groups begin, end */
		BYTES("\x0C"),
		BYTES("\x0E\x01"), /* wire types that do not exist */
		BYTES("\x0F\x01"),
	};
	struct wire_field field;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(wire_next(&cases[i], &field), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(varints),
		cmocka_unit_test(fields),
		cmocka_unit_test(garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
