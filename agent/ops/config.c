/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/config_key.h"

int config_refuse(char error[static CONFIG_ERROR_MAX], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, CONFIG_ERROR_MAX, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

void config_init(struct config *config)
{
	*config = (struct config){
		.attach = CONFIG_ATTACH_AUTO,
		.history = CONFIG_HISTORY_DEFAULT,
		.audit_interval = CONFIG_AUDIT_INTERVAL_DEFAULT,
		.capacity = {.marks = CONFIG_MARKS_DEFAULT,
			     .networks = CONFIG_NETWORKS_DEFAULT},
		.limits = {.calls_per_second = CONFIG_CALLS_PER_SECOND_DEFAULT},
		.log = {.level = LOG_LEVEL_INFO, .format = LOG_FORMAT_TEXT},
	};
}

static void list_done(struct config_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->items[i]);
	free(list->items);
}

void config_done(struct config *config)
{
	list_done(&config->interfaces);
	list_done(&config->listen);
	free(config->tls.certificate);
	free(config->tls.key);
	free(config->tls.client_ca);
	free(config->registry);
	free(config->policy);
	free(config->pin_dir);
	free(config->state_dir);
	free(config->audit.file);
	free(config->metrics.listen);
	free(config->file);
	*config = (struct config){.attach = CONFIG_ATTACH_AUTO};
}

int config_set(struct config *config, const char *key, const char *value,
	       char error[static CONFIG_ERROR_MAX])
{
	return config_key_set(config_key_find(key), config, value, "", error);
}

const char *config_unix_path(const char *address)
{
	static const char prefix[] = "unix:";
	const size_t length = strlen(prefix);

	return strncmp(address, prefix, length) == 0 ? address + length : NULL;
}

/* ---- do the values go together? ---- */

static int check_tls(const struct config *config, char error[static CONFIG_ERROR_MAX])
{
	const struct {
		const char *key, *path;
	} files[] = {
		{"tls.certificate", config->tls.certificate},
		{"tls.key", config->tls.key},
		{"tls.client_ca", config->tls.client_ca},
	};
	const char *given = NULL, *missing = NULL;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (files[i].path)
			given = files[i].key;
		else
			missing = files[i].key;
	if (!given || !missing)
		return 0;
	return config_refuse(error, "%s is given, but %s is not: TLS is always mutual", given,
			     missing);
}

static int check_listeners(const struct config *config, char error[static CONFIG_ERROR_MAX])
{
	if (config->tls.certificate || config->insecure_loopback)
		return 0;
	for (size_t i = 0; i < config->listen.n; i++) {
		if (config_unix_path(config->listen.items[i]))
			continue;
		return config_refuse(
			error,
			"listen \"%s\": TCP needs the three tls keys, or on loopback "
			"insecure_loopback",
			config->listen.items[i]);
	}
	return 0;
}

int config_complete(struct config *config, char error[static CONFIG_ERROR_MAX])
{
	int r = 0;

	if (config->listen.n == 0)
		r = config_set(config, "listen", CONFIG_LISTEN_DEFAULT, error);
	if (r == 0 && !config->pin_dir)
		r = config_set(config, "pin_dir", CONFIG_PIN_DIR_DEFAULT, error);
	if (r == 0 && !config->state_dir)
		r = config_set(config, "state_dir", CONFIG_STATE_DIR_DEFAULT, error);
	if (r == 0)
		r = check_tls(config, error);
	if (r == 0)
		r = check_listeners(config, error);
	return r;
}
