/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps what libbpf has to say, which it would print, for datapath_last_message().
 */
#ifndef WAYMARK_MESSAGE_H
#define WAYMARK_MESSAGE_H

/* From now on warnings of libbpf are kept, by thread, and everything else is dropped. */
void message_listen(void);

/* Adds a line of our own. */
__attribute__((format(printf, 1, 2))) void message_say(const char *format, ...);

/* Forgets what this thread has kept. */
void message_clear(void);

#endif
