/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bpf/abi.h"
#include "core/mark.h"
#include "core/scitag.h"
#include "datapath/word.h"

static const struct {
	struct mark_action action;
	uint64_t word;
} samples[] = {
	{{0}, 0},
	{{.label = MARK_LABEL_RAW}, 0x8000000},
	{{.label = MARK_LABEL_RAW, .flow_label = 0xFFFFF}, 0x80FFFFF},
	{{.label = MARK_LABEL_RAW, .flow_label = 0x12345}, 0x8012345},
	/* CMS is 3, its bits turned around in front: 110000000; Data Access is 4. */
	{{.label = MARK_LABEL_SCITAG, .experiment = 3, .activity = 4}, 0x10030010},
	{{.label = MARK_LABEL_SCITAG, .experiment = 511, .activity = 63}, 0x1003FEFC},
	{{.has_dscp = true}, 0x4000000},
	{{.has_dscp = true, .dscp = 63}, 0x7F00000},
	{{.label = MARK_LABEL_RAW, .flow_label = 1, .has_dscp = true, .dscp = 46}, 0xEE00001},
	{{.label = MARK_LABEL_SCITAG, .experiment = 1, .activity = 1, .has_dscp = true},
	 0x14020004},
};

static void assert_same_action(struct mark_action a, struct mark_action b)
{
	assert_int_equal(a.label, b.label);
	assert_int_equal(a.flow_label, b.flow_label);
	assert_int_equal(a.experiment, b.experiment);
	assert_int_equal(a.activity, b.activity);
	assert_int_equal(a.has_dscp, b.has_dscp);
	assert_int_equal(a.dscp, b.dscp);
}

static void each_action_has_its_word(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		assert_int_equal(word_encode(&samples[i].action, 0), samples[i].word);
		assert_same_action(word_decode(samples[i].word), samples[i].action);
	}
}

static void every_scitag_stays_in_the_structural_bits(void **state)
{
	(void)state;
	for (uint32_t tag = 0; tag < 512 * 64; tag++) {
		struct mark_action action = {
			.label = MARK_LABEL_SCITAG,
			.experiment = (uint16_t)(tag / 64),
			.activity = (uint8_t)(tag % 64),
		};
		uint64_t word = word_encode(&action, 0);

		assert_int_equal(word & ~(WORD_HAS_SCITAG | LABEL_STRUCTURAL_MASK), 0);
		assert_same_action(word_decode(word), action);
	}
}

static void a_lease_does_not_change_the_action(void **state)
{
	const struct mark_action action = {.label = MARK_LABEL_RAW, .flow_label = 7};

	(void)state;
	assert_same_action(word_decode(word_encode(&action, 0) | 99ull << WORD_LEASE_SHIFT),
			   action);
}

static void values_out_of_range_do_not_spill(void **state)
{
	const struct mark_action action = {.label = MARK_LABEL_RAW,
					   .flow_label = 0xFFFFFFFF,
					   .has_dscp = true,
					   .dscp = 0xFF};

	(void)state;
	assert_int_equal(word_encode(&action, 0), WORD_HAS_RAW | WORD_HAS_DSCP | 0x3FFFFFF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_action_has_its_word),
		cmocka_unit_test(every_scitag_stays_in_the_structural_bits),
		cmocka_unit_test(a_lease_does_not_change_the_action),
		cmocka_unit_test(values_out_of_range_do_not_spill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
