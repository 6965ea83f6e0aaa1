/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Stats answers, and what else tells how the agent fares, as a page of metrics. The table
 * in docs/operations.md names them all. There is no series for each mark: a page has a bounded
 * number of lines for each interface and each SciTag.
 */
#ifndef WAYMARK_METRICS_H
#define WAYMARK_METRICS_H

#include <stdbool.h>
#include <stdio.h>

struct service;

/* Writes the page. is_serving: every call is taken. Any thread, once the service is filled in.
 * 0 or -ENOMEM; the page may be half written then. */
int metrics_write(FILE *page, const struct service *service, bool is_serving);

#endif
