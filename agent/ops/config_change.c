/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ops/config_key.h"

static bool lists_differ(const struct config_list *a, const struct config_list *b)
{
	if (a->n != b->n)
		return true;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return true;
	return false;
}

static bool texts_differ(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) != 0 : a != b;
}

static size_t value_size(enum config_type type)
{
	switch (type) {
	case CONFIG_TEXT_LIST:
		return sizeof(struct config_list);
	case CONFIG_TEXT:
	case CONFIG_PATH:
		return sizeof(char *);
	case CONFIG_BOOL:
		return sizeof(bool);
	case CONFIG_COUNT:
	case CONFIG_DURATION:
	case CONFIG_CHOICE:
		break;
	}
	return sizeof(uint32_t);
}

static bool values_differ(enum config_type type, const void *a, const void *b)
{
	if (type == CONFIG_TEXT_LIST)
		return lists_differ(a, b);
	if (type == CONFIG_TEXT || type == CONFIG_PATH)
		return texts_differ(*(char *const *)a, *(char *const *)b);
	return memcmp(a, b, value_size(type)) != 0;
}

static void swap(void *a, void *b, size_t size)
{
	unsigned char kept[sizeof(struct config_list)];

	memcpy(kept, a, size);
	memcpy(a, b, size);
	memcpy(b, kept, size);
}

void config_change(struct config *config, struct config *wanted,
		   void (*each)(const char *key, void *user), void *user)
{
	const struct config_key *key;

	for (size_t i = 0; (key = config_key_at(i)); i++) {
		void *now = (char *)config + key->offset, *then = (char *)wanted + key->offset;

		if (key->is_live)
			swap(now, then, value_size(key->type));
		else if (values_differ(key->type, now, then))
			each(key->name, user);
	}
}
