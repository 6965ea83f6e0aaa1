/* SPDX-License-Identifier: Apache-2.0 */
#include "channel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <grpc/grpc_security.h>

#include "agent/cleanup.h"
#include "error.h"

#define PEM_SIZE_MAX ((size_t)1024 * 1024)

DEFINE_CLEANUP(release_credentials, grpc_channel_credentials *,
	       grpc_channel_credentials_release)

static bool is_port(const char *text)
{
	unsigned int port = 0;

	if (!*text || strlen(text) > 5)
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
		port = port * 10 + (unsigned int)(*text - '0');
	return !*text && port >= 1 && port <= 65535;
}

/* "host:port" or "[v6]:port": the only colons of a host stand in brackets. */
static bool is_host_and_port(const char *target)
{
	const char *colon = strrchr(target, ':');
	size_t host = colon ? (size_t)(colon - target) : 0;

	if (!host || !is_port(colon + 1) || strchr(target, '/'))
		return false;
	if (target[0] == '[')
		return host > 2 && target[host - 1] == ']' &&
		       memchr(target, ']', host) == target + host - 1;
	return !memchr(target, ':', host);
}

static bool is_unix(const char *target)
{
	return strncmp(target, "unix:", strlen("unix:")) == 0;
}

int channel_resolve_target(const char *target, char ret[static CHANNEL_TARGET_MAX],
			   struct waymark_error *error)
{
	const char *prefix = is_unix(target) ? "" : "dns:///";

	if (is_unix(target) ? target[strlen("unix:")] != '/' : !is_host_and_port(target))
		return error_set(error, WAYMARK_INVALID_ARGUMENT, "target",
				 "'%s' is not unix:/path, host:port or [address]:port", target);
	if (strlen(prefix) + strlen(target) >= CHANNEL_TARGET_MAX)
		return error_set(error, WAYMARK_INVALID_ARGUMENT, "target",
				 "longer than %zu octets",
				 CHANNEL_TARGET_MAX - strlen(prefix) - 1);
	(void)snprintf(ret, CHANNEL_TARGET_MAX, "%s%s", prefix, target);
	return 0;
}

static int pem_error(struct waymark_error *error, const char *field, const char *path,
		     const char *why)
{
	return error_set(error, WAYMARK_FAILED_PRECONDITION, field, "%s: %s", path, why);
}

/* The text of a file that is open. NULL: errno says why not. */
static char *file_read(FILE *file)
{
	char *text = malloc(PEM_SIZE_MAX + 1);

	if (!text)
		return NULL;
	text[fread(text, 1, PEM_SIZE_MAX, file)] = '\0';
	if (!ferror(file))
		return text;
	free(text);
	return NULL;
}

/* The text of a PEM file. `field` is the option that names it; a NULL path gives NULL. */
static int pem_read(const char *path, const char *field, char **ret,
		    struct waymark_error *error)
{
	FILE *file = path ? fopen(path, "re") : NULL;
	char *text = file ? file_read(file) : NULL;
	int code = 0;

	if (path && !text)
		code = pem_error(error, field, path, strerror(errno));
	else if (text && strlen(text) == PEM_SIZE_MAX)
		code = pem_error(error, field, path, "larger than 1 MiB");
	else if (text && !strstr(text, "-----BEGIN "))
		code = pem_error(error, field, path, "not a PEM file");
	if (file)
		(void)fclose(file);
	if (code)
		free(text);
	else
		*ret = text;
	return code;
}

static int tls_credentials(const struct waymark_options *options,
			   grpc_channel_credentials **ret, struct waymark_error *error)
{
	cleanup(free_bytes) char *ca = NULL;
	cleanup(free_bytes) char *cert = NULL;
	cleanup(free_bytes) char *key = NULL;
	int code;

	if (!options->tls_cert || !options->tls_key)
		return error_set(error, WAYMARK_INVALID_ARGUMENT,
				 options->tls_cert ? "tls_key" : "tls_cert",
				 "missing; '%s' is reached with a certificate and its key, or "
				 "declared insecure",
				 options->target);
	code = pem_read(options->tls_ca, "tls_ca", &ca, error);
	code = code ? code : pem_read(options->tls_cert, "tls_cert", &cert, error);
	code = code ? code : pem_read(options->tls_key, "tls_key", &key, error);
	if (code)
		return code;
	*ret = grpc_ssl_credentials_create(
		ca, &(grpc_ssl_pem_key_cert_pair){.private_key = key, .cert_chain = cert}, NULL,
		NULL);
	return 0;
}

static int credentials_new(const struct waymark_options *options,
			   grpc_channel_credentials **ret, struct waymark_error *error)
{
	bool tls = options->tls_ca || options->tls_cert || options->tls_key ||
		   options->tls_server_name;

	if (is_unix(options->target)) {
		*ret = grpc_insecure_credentials_create();
		return 0;
	}
	if (!options->insecure)
		return tls_credentials(options, ret, error);
	if (tls)
		return error_set(error, WAYMARK_INVALID_ARGUMENT, "insecure",
				 "TLS files and an insecure connection exclude each other");
	*ret = grpc_insecure_credentials_create();
	return 0;
}

static grpc_arg argument(const char *key, int value)
{
	return (grpc_arg){.type = GRPC_ARG_INTEGER, .key = (char *)key, .value.integer = value};
}

static grpc_channel *channel_create(const char *target, const struct waymark_options *options,
				    grpc_channel_credentials *credentials)
{
	grpc_arg arguments[] = {
		/* Doubles as the limit of one attempt to connect. */
		argument(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, (int)options->connect_timeout_ms),
		/* Agents restart in seconds; two minutes of back-off would be their outage. The
		 * first pause is that of retry.c: a call finds a new attempt to connect. */
		argument(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100),
		argument(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5000),
		/* Finds a dead agent behind an idle connection. */
		argument(GRPC_ARG_KEEPALIVE_TIME_MS, (int)options->keepalive_time_ms),
		argument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, (int)options->keepalive_timeout_ms),
		argument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
		argument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0),
		/* Room for 4 KiB of error details in base64 and the rest. */
		argument(GRPC_ARG_MAX_METADATA_SIZE, 16 * 1024),
		/* A page of ListMarks ends at 3 MiB, but one batch's results may be longer. */
		argument(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, 8 * 1024 * 1024),
		/* Agents are the hosts' own; a proxy for the web does not lead to them. */
		argument(GRPC_ARG_ENABLE_HTTP_PROXY, 0),
		{.type = GRPC_ARG_STRING,
		 .key = (char *)GRPC_SSL_TARGET_NAME_OVERRIDE_ARG,
		 .value.string = (char *)options->tls_server_name},
	};
	grpc_channel_args all = {
		.num_args = sizeof(arguments) / sizeof(arguments[0]),
		.args = arguments,
	};

	if (!options->tls_server_name)
		all.num_args--;
	return grpc_channel_create(target, credentials, &all);
}

int channel_new(const struct waymark_options *options, grpc_channel **ret,
		struct waymark_error *error)
{
	cleanup(release_credentials) grpc_channel_credentials *credentials = NULL;
	char target[CHANNEL_TARGET_MAX];
	int code = channel_resolve_target(options->target, target, error);

	code = code ? code : credentials_new(options, &credentials, error);
	if (code)
		return code;
	*ret = channel_create(target, options, credentials);
	return 0;
}
