/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/config_key.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "cleanup.h"
#include "ops/loopback.h"
#include "ops/number.h"

#define DAY 86400

#define METRICS_WANTED                                                                      \
	"must be a port of loopback, 127.0.0.1:port or [::1]:port, or unix:/path: metrics " \
	"have no access control"

/* ---- what an item of a list may look like ---- */

/* More than any pattern for a name of IF_NAMESIZE needs. */
#define PATTERN_MAX 64

static const char *check_interface(const char *name)
{
	const size_t room = strpbrk(name, "*?[") ? PATTERN_MAX : IF_NAMESIZE;

	if (strlen(name) >= room && room == PATTERN_MAX)
		return "must be a pattern of at most 63 characters";
	if (name[0] && strpbrk(name, "/ \t\n\v\f\r"))
		return "must be an interface's name or a pattern, which have no '/' or blank";
	if (room == IF_NAMESIZE && strchr(name, ':'))
		return "must be an interface's name or a pattern: names have no ':'";
	if (!name[0] || strlen(name) >= room || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return "must be an interface's name of 1 to 15 characters, or a pattern";
	return NULL;
}

static const char *check_unix(const char *path)
{
	if (path[0] != '/' || strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return "must be unix: and an absolute path of at most 107 octets";
	return NULL;
}

static const char *check_listen(const char *address)
{
	const char *colon = strrchr(address, ':');
	size_t host = colon ? (size_t)(colon - address) : 0;
	const bool has_brackets = host > 2 && address[0] == '[' && colon[-1] == ']';
	const char *path = config_unix_path(address);

	if (path)
		return check_unix(path);
	if (host == 0 || number_parse(colon + 1, UINT16_MAX) < 0 || strpbrk(address, " \t\n/"))
		return "must be unix:/path, host:port or [IPv6 address]:port";
	if (address[0] == '[' ? !has_brackets : memchr(address, ':', host) != NULL)
		return "must have brackets around the IPv6 address";
	return NULL;
}

/* Who reads metrics is not asked who they are. */
static const char *check_metrics(const char *address)
{
	const char *path = config_unix_path(address);
	struct sockaddr_storage parsed;
	socklen_t length;

	if (path)
		return check_unix(path);
	return loopback_parse(address, &parsed, &length) < 0 ? METRICS_WANTED : NULL;
}

/* ---- the table ---- */

#define AT(member) .offset = offsetof(struct config, member)

static const char *const attach_choices[] = {
	[CONFIG_ATTACH_AUTO] = "auto",
	[CONFIG_ATTACH_TCX] = "tcx",
	[CONFIG_ATTACH_CLSACT] = "clsact",
	NULL,
};
static const char *const level_choices[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
	NULL,
};
static const char *const format_choices[] = {
	[LOG_FORMAT_TEXT] = "text",
	[LOG_FORMAT_JSON] = "json",
	NULL,
};

static const struct config_key keys[] = {
	{"interfaces", CONFIG_TEXT_LIST, AT(interfaces), .check = check_interface,
	 .may_be_empty = true, .is_live = true},
	{"attach", CONFIG_CHOICE, AT(attach), .choices = attach_choices},
	{"observe_ingress", CONFIG_BOOL, AT(observe_ingress)},
	{"pin_dir", CONFIG_PATH, AT(pin_dir), .may_be_empty = true},
	{"detach", CONFIG_BOOL, AT(detach), .is_live = true},
	{"state_dir", CONFIG_PATH, AT(state_dir)},
	{"history", CONFIG_COUNT, AT(history), .max = CONFIG_HISTORY_MAX},
	{"audit_interval", CONFIG_DURATION, AT(audit_interval), .max = DAY},
	{"listen", CONFIG_TEXT_LIST, AT(listen), .check = check_listen},
	{"insecure_loopback", CONFIG_BOOL, AT(insecure_loopback)},
	{"tls.certificate", CONFIG_PATH, AT(tls.certificate), .is_live = true},
	{"tls.key", CONFIG_PATH, AT(tls.key), .is_live = true},
	{"tls.client_ca", CONFIG_PATH, AT(tls.client_ca), .is_live = true},
	{"registry", CONFIG_PATH, AT(registry), .is_live = true},
	{"policy", CONFIG_PATH, AT(policy), .is_live = true},
	{"audit.file", CONFIG_PATH, AT(audit.file)},
	{"metrics.listen", CONFIG_TEXT, AT(metrics.listen), .check = check_metrics},
	{"capacity.marks", CONFIG_COUNT, AT(capacity.marks), .max = CONFIG_MARKS_MAX},
	{"capacity.networks", CONFIG_COUNT, AT(capacity.networks), .max = CONFIG_NETWORKS_MAX},
	{"limits.calls_per_second", CONFIG_COUNT, AT(limits.calls_per_second),
	 .max = CONFIG_CALLS_PER_SECOND_MAX, .is_live = true},
	{"log.level", CONFIG_CHOICE, AT(log.level), .choices = level_choices, .is_live = true},
	{"log.format", CONFIG_CHOICE, AT(log.format), .choices = format_choices,
	 .is_live = true},
};

const struct config_key *config_key_find(const char *name)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

const struct config_key *config_key_at(size_t n)
{
	return n < sizeof(keys) / sizeof(keys[0]) ? &keys[n] : NULL;
}

bool config_key_is_group(const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strncmp(keys[i].name, name, length) == 0 && keys[i].name[length] == '.')
			return true;
	return false;
}

/* ---- storing ---- */

static int add_item(const struct config_key *key, struct config_list *list, const char *item,
		    char error[static CONFIG_ERROR_MAX])
{
	const char *why = key->check(item);
	char **items;

	if (why)
		return config_refuse(error, "%s", why);
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->items[i], item) == 0)
			return 0;
	items = reallocarray(list->items, list->n + 1, sizeof(*items));
	if (!items)
		return config_refuse(error, "no memory");
	list->items = items;
	items[list->n] = strdup(item);
	if (!items[list->n])
		return config_refuse(error, "no memory");
	list->n++;
	return 0;
}

static int set_path(const struct config_key *key, char **member, const char *path,
		    const char *directory, char error[static CONFIG_ERROR_MAX])
{
	/* "-" is no file. */
	const bool is_relative = path[0] && path[0] != '/' && strcmp(path, "-") != 0;
	char *whole;

	if (!path[0] && !key->may_be_empty)
		return config_refuse(error, "must be a path");
	if (asprintf(&whole, "%s%s", is_relative ? directory : "", path) < 0)
		return config_refuse(error, "no memory");
	free(*member);
	*member = whole;
	return 0;
}

static int set_text(const struct config_key *key, char **member, const char *value,
		    char error[static CONFIG_ERROR_MAX])
{
	const char *why = key->check(value);
	char *copy;

	if (why)
		return config_refuse(error, "%s", why);
	copy = strdup(value);
	if (!copy)
		return config_refuse(error, "no memory");
	free(*member);
	*member = copy;
	return 0;
}

static int set_bool(bool *member, const char *value, char error[static CONFIG_ERROR_MAX])
{
	if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return config_refuse(error, "must be true or false");
	*member = value[0] == 't';
	return 0;
}

static int set_count(const struct config_key *key, uint32_t *member, const char *value,
		     char error[static CONFIG_ERROR_MAX])
{
	int64_t count = number_parse(value, key->max);

	if (count < 1)
		return config_refuse(error, "must be a whole number in 1..%u", key->max);
	*member = (uint32_t)count;
	return 0;
}

static int set_duration(const struct config_key *key, uint32_t *member, const char *value,
			char error[static CONFIG_ERROR_MAX])
{
	int64_t seconds = number_parse_duration(value, "smh", key->max);

	if (seconds < 0)
		return config_refuse(error, "must be a time in 0s..%us, with s, m or h",
				     key->max);
	*member = (uint32_t)seconds;
	return 0;
}

static int set_choice(const struct config_key *key, unsigned int *member, const char *value,
		      char error[static CONFIG_ERROR_MAX])
{
	int length = 0;

	for (unsigned int i = 0; key->choices[i]; i++)
		if (strcmp(key->choices[i], value) == 0) {
			*member = i;
			return 0;
		}
	length += snprintf(error, CONFIG_ERROR_MAX, "must be one of");
	for (unsigned int i = 0; key->choices[i]; i++)
		length += snprintf(error + length, CONFIG_ERROR_MAX - (size_t)length, "%s %s",
				   i ? "," : "", key->choices[i]);
	return -EINVAL;
}

int config_key_set(const struct config_key *key, struct config *config, const char *value,
		   const char *directory, char error[static CONFIG_ERROR_MAX])
{
	void *member = (char *)config + key->offset;

	_Static_assert(sizeof(enum config_attach) == sizeof(unsigned int) &&
			       sizeof(enum log_level) == sizeof(unsigned int) &&
			       sizeof(enum log_format) == sizeof(unsigned int),
		       "choices are stored as unsigned int");
	switch (key->type) {
	case CONFIG_TEXT_LIST:
		return add_item(key, member, value, error);
	case CONFIG_TEXT:
		return set_text(key, member, value, error);
	case CONFIG_PATH:
		return set_path(key, member, value, directory, error);
	case CONFIG_BOOL:
		return set_bool(member, value, error);
	case CONFIG_COUNT:
		return set_count(key, member, value, error);
	case CONFIG_DURATION:
		return set_duration(key, member, value, error);
	case CONFIG_CHOICE:
		return set_choice(key, member, value, error);
	}
	return -EINVAL;
}
