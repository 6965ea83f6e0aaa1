/* SPDX-License-Identifier: Apache-2.0 */
/* protobuf's times as the proto3 JSON mapping writes them, and time left for people. */
#ifndef WAYMARK_CLI_TIME_TEXT_H
#define WAYMARK_CLI_TIME_TEXT_H

#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"

#define TIME_TEXT_MAX 64

/* "2025-01-31T10:20:30.500Z", with 0, 3, 6 or 9 digits behind the point. */
void timestamp_text(const Google__Protobuf__Timestamp *time, char text[static TIME_TEXT_MAX]);

/* "-1.500s". */
void duration_text(const Google__Protobuf__Duration *time, char text[static TIME_TEXT_MAX]);

/* "1d12h", "59m58s", "3s": the two largest units, the rest is cut off; "0s" if it is past. */
void time_left_text(int64_t seconds, char text[static TIME_TEXT_MAX]);

#endif
