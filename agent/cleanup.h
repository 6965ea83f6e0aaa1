/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one cleanup idiom: variables that release themselves when they leave scope.
 *
 *	cleanup(free_bytes) char *text = ...;	frees text on every path out
 *	return take(text);			... unless it was given away
 */
#ifndef WAYMARK_CLEANUP_H
#define WAYMARK_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define cleanup(function) __attribute__((cleanup(function)))

/* The value of a pointer whose variable gives it up. */
#define take(pointer)                                   \
	({                                              \
		__typeof__(pointer) taken_ = (pointer); \
		(pointer) = NULL;                       \
		taken_;                                 \
	})

/* Defines `static inline void name(type *)` that calls `release` unless the value is NULL. */
#define DEFINE_CLEANUP(name, type, release)                          \
	__attribute__((unused)) static inline void name(type *value) \
	{                                                            \
		if (*value)                                          \
			release(*value);                             \
	}

__attribute__((unused)) static inline void free_bytes(void *pointer)
{
	free(*(void **)pointer);
}

__attribute__((unused)) static inline void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

DEFINE_CLEANUP(close_file, FILE *, fclose)

#endif
