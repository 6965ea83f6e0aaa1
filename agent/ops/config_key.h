/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of the configuration: one table that file and command line go through. Part
 * of config.h.
 */
#ifndef WAYMARK_CONFIG_KEY_H
#define WAYMARK_CONFIG_KEY_H

#include "ops/config.h"

enum config_type {
	CONFIG_TEXT_LIST,
	CONFIG_TEXT,
	CONFIG_PATH, /* a relative one belongs to the file's directory */
	CONFIG_BOOL,
	CONFIG_COUNT,
	CONFIG_DURATION, /* in s; a whole number with s, m or h */
	CONFIG_CHOICE,
};

struct config_key {
	const char *name; /* "capacity.marks" */
	enum config_type type;
	uint32_t max; /* COUNT: values are 1..max; DURATION: 0..max s */
	size_t offset; /* in struct config */
	const char *const *choices; /* CHOICE: ends with NULL; the index is the value */
	/* LIST, TEXT: why this impossible; NULL: it is fine. */
	const char *(*check)(const char *item);
	bool may_be_empty; /* LIST, PATH */
	bool is_live; /* may change while the agent runs */
};

/* NULL if there is none. */
const struct config_key *config_key_find(const char *name);

/* The n-th key; NULL behind the last one. */
const struct config_key *config_key_at(size_t n);

/* Does any key begin with "name."? */
bool config_key_is_group(const char *name);

/* Stores a value, or adds it to a list. directory is "" or ends with '/'. 0 or -EINVAL. */
int config_key_set(const struct config_key *key, struct config *config, const char *value,
		   const char *directory, char error[static CONFIG_ERROR_MAX]);

#endif
