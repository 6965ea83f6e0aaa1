/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <grpc/grpc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "rpc/limits.h"

struct tls {
	struct certificate_span span; /* of the certificate */
	pthread_mutex_t lock; /* what follows */
	char *certificate, *key, *client_ca; /* PEM */
	/* The C core asks with every connection whether there is something newer. */
	unsigned int generation, served;
};

static void free_secret(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	free(*text);
}

static int file_read(const char *path, char **ret)
{
	cleanup(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup(free_secret) char *text = NULL;
	size_t used = 0;

	if (fd < 0)
		return -errno;
	text = calloc(1, RPC_PEM_MAX + 1);
	if (!text)
		return -ENOMEM;
	while (used < RPC_PEM_MAX) {
		ssize_t got = read(fd, text + used, RPC_PEM_MAX - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		used += (size_t)got;
	}
	if (used == RPC_PEM_MAX)
		return -EFBIG;
	/* Not text at all, for instance DER. */
	if (strlen(text) != used)
		return -EINVAL;
	*ret = take(text);
	return 0;
}

/* `kind` as in "-----BEGIN EC PRIVATE KEY-----". */
static bool text_is_pem(const char *text, const char *kind)
{
	const char *begin = strstr(text, "-----BEGIN ");
	const char *found = begin ? strstr(begin, kind) : NULL;

	/* On the same line. */
	return found && found < begin + strcspn(begin, "\n");
}

static int pem_read(const char *path, const char *kind, char **ret, char *error,
		    size_t error_size)
{
	cleanup(free_secret) char *text = NULL;
	int err = file_read(path, &text);

	if (err && err != -EINVAL) {
		snprintf(error, error_size, "%s: %s", path, strerror(-err));
		return err;
	}
	if (!text || !text_is_pem(text, kind)) {
		snprintf(error, error_size, "%s: holds no %s in PEM form", path, kind);
		return -EINVAL;
	}
	*ret = take(text);
	return 0;
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	free(tls->certificate);
	free_secret(&tls->key);
	free(tls->client_ca);
	pthread_mutex_destroy(&tls->lock);
	free(tls);
}

DEFINE_CLEANUP(free_tls, struct tls *, tls_free)

static int span_read(const struct rpc_tls_files *files, struct tls *tls, char *error,
		     size_t error_size)
{
	int err = certificate_read_span(tls->certificate, &tls->span);

	if (err)
		snprintf(error, error_size, "%s: holds no certificate that can be read",
			 files->certificate);
	return err;
}

int tls_new(const struct rpc_tls_files *files, struct tls **ret, char *error, size_t error_size)
{
	cleanup(free_tls) struct tls *tls = calloc(1, sizeof(*tls));
	int err;

	if (!tls)
		return -ENOMEM;
	pthread_mutex_init(&tls->lock, NULL);
	tls->generation = 1;
	err = pem_read(files->certificate, "CERTIFICATE", &tls->certificate, error, error_size);
	if (!err)
		err = pem_read(files->key, "PRIVATE KEY", &tls->key, error, error_size);
	if (!err)
		err = pem_read(files->client_ca, "CERTIFICATE", &tls->client_ca, error,
			       error_size);
	if (!err)
		err = span_read(files, tls, error, error_size);
	if (!err)
		*ret = take(tls);
	return err;
}

static void swap_texts(char **a, char **b)
{
	char *kept = *a;

	*a = *b;
	*b = kept;
}

struct certificate_span tls_span(const struct tls *tls)
{
	return tls->span;
}

void tls_swap(struct tls *tls, struct tls *fresh)
{
	const struct certificate_span span = tls->span;

	tls->span = fresh->span;
	fresh->span = span;
	pthread_mutex_lock(&tls->lock);
	swap_texts(&tls->certificate, &fresh->certificate);
	swap_texts(&tls->key, &fresh->key);
	swap_texts(&tls->client_ca, &fresh->client_ca);
	tls->generation++;
	pthread_mutex_unlock(&tls->lock);
}

/* With the lock. */
static grpc_ssl_certificate_config_reload_status
tls_hand_over(struct tls *tls, grpc_ssl_server_certificate_config **config)
{
	grpc_ssl_pem_key_cert_pair pair = {.private_key = tls->key,
					   .cert_chain = tls->certificate};

	if (tls->served == tls->generation)
		return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
	*config = grpc_ssl_server_certificate_config_create(tls->client_ca, &pair, 1);
	if (!*config)
		return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_FAIL;
	tls->served = tls->generation;
	return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

static grpc_ssl_certificate_config_reload_status
tls_fetch(void *user, grpc_ssl_server_certificate_config **config)
{
	struct tls *tls = user;
	grpc_ssl_certificate_config_reload_status status;

	pthread_mutex_lock(&tls->lock);
	status = tls_hand_over(tls, config);
	pthread_mutex_unlock(&tls->lock);
	return status;
}

grpc_server_credentials *tls_credentials(struct tls *tls)
{
	return grpc_ssl_server_credentials_create_with_options(
		grpc_ssl_server_credentials_create_options_using_config_fetcher(
			GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY, tls_fetch,
			tls));
}

/* The C core looks at credentials when a server listens with them: one that nobody meets does,
 * for a moment. */
bool tls_works(struct tls *tls)
{
	grpc_server_credentials *credentials = tls_credentials(tls);
	grpc_completion_queue *queue = grpc_completion_queue_create_for_pluck(NULL);
	grpc_server *server = grpc_server_create(NULL, NULL);
	char address[64];
	bool works;

	snprintf(address, sizeof(address), "unix-abstract:waymark-check-%d", getpid());
	grpc_server_register_completion_queue(server, queue, NULL);
	works = grpc_server_add_http2_port(server, address, credentials) != 0;
	grpc_server_shutdown_and_notify(server, queue, NULL);
	grpc_completion_queue_pluck(queue, NULL, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
	grpc_server_destroy(server);
	grpc_completion_queue_shutdown(queue);
	grpc_completion_queue_destroy(queue);
	grpc_server_credentials_release(credentials);
	/* It was asked for; whoever gets it next asks again. */
	tls->served = 0;
	return works;
}
