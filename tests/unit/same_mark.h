/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares whole marks and removals, padding too, but for what is behind the ends of texts.
 */
#ifndef WAYMARK_TESTS_SAME_MARK_H
#define WAYMARK_TESTS_SAME_MARK_H

#include <string.h>

#include "core/mark.h"

static inline void expect_same_mark(const struct mark *mark, const struct mark *expected)
{
	struct mark cleaned;

	memset(&cleaned, 0, sizeof(cleaned));
	mark_copy(&cleaned, mark);
	assert_memory_equal(&cleaned, expected, sizeof(cleaned));
}

static inline void expect_same_removal(const struct removal *removal,
				       const struct removal *expected)
{
	struct removal cleaned;

	memset(&cleaned, 0, sizeof(cleaned));
	removal_copy(&cleaned, removal);
	assert_memory_equal(&cleaned, expected, sizeof(cleaned));
}

#endif
