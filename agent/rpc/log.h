/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WAYMARK_RPC_LOG_H
#define WAYMARK_RPC_LOG_H

/* Takes the C core's own log into our hands; once is enough. See rpc_set_log(). */
void log_init(void);

#endif
