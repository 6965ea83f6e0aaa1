/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "rpc/fingerprint.h"

static void expect(const char *pem, const char *fingerprint)
{
	char found[FINGERPRINT_SIZE];

	fingerprint_find(pem, strlen(pem), found);
	assert_string_equal(found, fingerprint);
}

/* What is hashed are the octets between the lines: here "abc" (FIPS 180-2, appendix B.1). */
static void test_octets(void **state)
{
	(void)state;
	expect("-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n",
	       "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	/* The first one only, whatever stands before it. */
	expect("text\n-----BEGIN CERTIFICATE-----\nYW\nJj\n-----END CERTIFICATE-----\n"
	       "-----BEGIN CERTIFICATE-----\nYWJk\n-----END CERTIFICATE-----\n",
	       "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_none(void **state)
{
	(void)state;
	expect("", "");
	expect("-----BEGIN CERTIFICATE-----\nYWJj\n", "");
	expect("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "");
	expect("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", "");
	expect("-----BEGIN PRIVATE KEY-----\nYWJj\n-----END PRIVATE KEY-----\n", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_octets),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
