/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the scripted agent to batches, streams and leases; part of cli_harness.h. */
#ifndef CLI_ANSWERS_H
#define CLI_ANSWERS_H

#include "fake_agent.h"
#include "waymark/v1/marker.pb-c.h"

/* Answers, and notes in the script's log what was asked. False: it is another method. */
bool answer_batch(const char *method, const uint8_t *request, size_t length,
		  Waymark__V1__Mark *mark, struct fake_answer *answer);

#endif
