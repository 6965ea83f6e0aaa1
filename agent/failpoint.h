/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WAYMARK_FAILPOINT_H
#define WAYMARK_FAILPOINT_H
#define FAILPOINT(name) ((void)0)
#endif
