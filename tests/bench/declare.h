/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ReplaceMarks as benches use it.
 */
#ifndef WAYMARK_BENCH_DECLARE_H
#define WAYMARK_BENCH_DECLARE_H

#include <stdint.h>

struct waymark_client;

/* Declares the marks with the numbers below n, the first `changed` of them with one label, the
 * others with another. Ends the program if any of them fails. */
void declare_marks(struct waymark_client *client, uint32_t n, uint32_t changed, uint32_t label,
		   uint32_t other_label);

#endif
