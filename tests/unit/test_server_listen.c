/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a server listens, and whom mutual TLS lets in. Certificates are made by openssl.
 */
#include "rpc_fixture.h"

#include <errno.h>
#include <grpc/grpc_security.h>
#include <grpc/impl/codegen/compression_types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptor_set.h"

static char directory[64];

/* Before the C core starts, for it forks. One CA and one stranger's; one client certificate for
 * each kind of name. */
static int setup_certificates(void **state)
{
	static const char script[] =
		"cd %s && exec >log 2>&1 && set -e\n"
		"key() { openssl ecparam -name prime256v1 -genkey -noout -out $1.key; }\n"
		"ca() { key $1; openssl req -x509 -new -key $1.key -subj /CN=$1 -days 2"
		" -out $1.pem; }\n"
		"leaf() { key $1; echo \"$4\" >$1.ext;"
		" openssl req -new -key $1.key -subj \"$3\" |"
		" openssl x509 -req -CA $2.pem -CAkey $2.key -CAcreateserial -days 2"
		" -extfile $1.ext -out $1.pem; }\n"
		"ca ca; ca stranger\n"
		"leaf agent ca /CN=agent subjectAltName=DNS:agent.test\n"
		"leaf cn ca /CN=unix:uid=0 basicConstraints=CA:FALSE\n"
		"leaf dns ca /CN=other"
		" subjectAltName=DNS:ctl.example.org,DNS:two.example.org\n"
		"leaf spiffe ca /CN=other"
		" subjectAltName=URI:spiffe://example.org/ctl,DNS:ctl.example.org\n"
		"leaf both ca /CN=other"
		" subjectAltName=URI:spiffe://example.org/a,URI:spiffe://example.org/b\n"
		"leaf none ca /O=nobody basicConstraints=CA:FALSE\n"
		"leaf foreign stranger /CN=ctl subjectAltName=DNS:ctl.example.org\n"
		"echo text >text.pem\n";
	char command[sizeof(script) + sizeof(directory)];

	(void)state;
	strcpy(directory, "/tmp/waymark-tls-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(command, sizeof(command), script, directory);
	return system(command);
}

static int teardown_certificates(void **state)
{
	char command[sizeof(directory) + 16];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", directory);
	return system(command);
}

static const char *file(const char *name)
{
	static char paths[8][128];
	static unsigned int next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

static char *text_of(const char *path)
{
	char *text = calloc(1, 65536);
	FILE *opened = fopen(path, "r");

	assert_non_null(opened);
	assert_true(fread(text, 1, 65535, opened) > 0);
	fclose(opened);
	return text;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct rpc_peer last_peer;

static struct rpc_peer see_last(void)
{
	struct rpc_peer peer;

	pthread_mutex_lock(&lock);
	peer = last_peer;
	pthread_mutex_unlock(&lock);
	return peer;
}

static void see(struct rpc_call *call, const ProtobufCMessage *request)
{
	pthread_mutex_lock(&lock);
	last_peer = *rpc_call_peer(call);
	pthread_mutex_unlock(&lock);
	rpc_call_finish(call, NULL, request);
}

#define TEXT &grpc__health__v1__health_check_request__descriptor

static const struct rpc_method see_method = {
	.path = "/test.See/Who", .request = TEXT, .response = TEXT, .message = see};
static const struct rpc_service see_service = {
	.name = "test.See", .methods = &see_method, .n_methods = 1};

static int setup(void **state)
{
	const struct rpc_options options = {
		.error_domain = "test",
		.descriptor_set = descriptor_set,
		.descriptor_set_size = descriptor_set_size(),
	};
	struct rpc_server *server;

	grpc_init();
	if (rpc_server_new(&options, &server))
		return -1;
	*state = server;
	return rpc_server_add_service(server, &see_service);
}

static int teardown(void **state)
{
	rpc_server_free(*state);
	grpc_shutdown_blocking();
	return 0;
}

static void expect_refused(struct rpc_server *server, const char *address,
			   const struct rpc_tls_files *tls, int err, const char *part)
{
	const char *error = NULL;

	assert_int_equal(rpc_server_listen(server, address, tls, true, &error), err);
	assert_non_null(strstr(error, address));
	assert_non_null(strstr(error, part));
}

static void plaintext_is_for_loopback(void **state)
{
	const char *error;

	expect_refused(*state, "0.0.0.0:0", NULL, -EINVAL, "TLS");
	expect_refused(*state, "[::]:0", NULL, -EINVAL, "TLS");
	expect_refused(*state, "192.0.2.1:50551", NULL, -EINVAL, "TLS");
	expect_refused(*state, "agent.example.org:50551", NULL, -EINVAL, "TLS");
	/* And only where it is asked for. */
	assert_int_equal(rpc_server_listen(*state, "127.0.0.1:0", NULL, false, &error),
			 -EINVAL);
	assert_int_equal(rpc_server_listen(*state, "localhost:0", NULL, true, &error), 0);
	assert_true(rpc_server_port(*state, 0) > 0);
}

static void addresses_that_make_no_sense(void **state)
{
	char address[96];

	expect_refused(*state, "nonsense", NULL, -EINVAL, "host:port");
	expect_refused(*state, "::1:50551", NULL, -EINVAL, "host:port");
	expect_refused(*state, "unix:relative", NULL, -EINVAL, "begin with /");
	snprintf(address, sizeof(address), "unix:%s/no/folder/socket", directory);
	expect_refused(*state, address, NULL, -ENOENT, "No such file");
}

static void ports_are_not_shared(void **state)
{
	char address[64];
	const char *error;

	assert_int_equal(rpc_server_listen(*state, "127.0.0.1:0", NULL, true, &error), 0);
	snprintf(address, sizeof(address), "127.0.0.1:%d", rpc_server_port(*state, 0));
	expect_refused(*state, address, NULL, -EADDRINUSE, "in use");
	assert_int_equal(rpc_server_listen(*state, "127.0.0.1:0", NULL, true, &error), 0);
	assert_int_not_equal(rpc_server_port(*state, 1), 0);
	assert_int_not_equal(rpc_server_port(*state, 1), rpc_server_port(*state, 0));
	assert_int_equal(rpc_server_port(*state, 2), 0);
}

static void living_unix_socket_is_in_use(void **state)
{
	char address[96];
	const char *error;

	snprintf(address, sizeof(address), "unix:%s/socket", directory);
	assert_int_equal(rpc_server_listen(*state, address, NULL, false, &error), 0);
	expect_refused(*state, address, NULL, -EADDRINUSE, "another server");
	assert_int_equal(rpc_server_port(*state, 0), 0);
}

static void certificate_files_are_named(void **state)
{
	struct rpc_tls_files good = {file("agent.pem"), file("agent.key"), file("ca.pem")};
	struct rpc_tls_files tls = good;
	const char *error;

	tls.certificate = file("absent.pem");
	assert_int_equal(rpc_server_listen(*state, "127.0.0.1:0", &tls, false, &error),
			 -ENOENT);
	assert_non_null(strstr(error, tls.certificate));
	tls = good;
	tls.key = file("agent.pem");
	assert_int_equal(rpc_server_listen(*state, "127.0.0.1:0", &tls, false, &error),
			 -EINVAL);
	assert_non_null(strstr(error, "PRIVATE KEY"));
	tls = good;
	tls.client_ca = file("text.pem");
	assert_int_equal(rpc_server_listen(*state, "127.0.0.1:0", &tls, false, &error),
			 -EINVAL);
	assert_non_null(strstr(error, tls.client_ca));
	tls = good;
	tls.key = file("ca.key");
	expect_refused(*state, "127.0.0.1:0", &tls, -EINVAL, "do not work together");
}

static void start_tls(struct rpc_server *server)
{
	const struct rpc_tls_files tls = {file("agent.pem"), file("agent.key"), file("ca.pem")};
	const char *error;

	assert_int_equal(rpc_server_listen(server, "127.0.0.1:0", &tls, false, &error), 0);
	assert_int_equal(rpc_server_start(server), 0);
}

/* client NULL: without a certificate. */
static grpc_channel *dial_tls(struct rpc_server *server, const char *client)
{
	char *ca = text_of(file("ca.pem")), name[64], target[64];
	char *certificate = NULL, *key = NULL;
	grpc_channel_credentials *credentials;
	grpc_channel *channel;

	if (client) {
		snprintf(name, sizeof(name), "%s.pem", client);
		certificate = text_of(file(name));
		snprintf(name, sizeof(name), "%s.key", client);
		key = text_of(file(name));
	}
	grpc_ssl_pem_key_cert_pair pair = {.private_key = key, .cert_chain = certificate};

	credentials = grpc_ssl_credentials_create(ca, client ? &pair : NULL, NULL, NULL);
	snprintf(target, sizeof(target), "127.0.0.1:%d", rpc_server_port(server, 0));
	channel = rpc_client_new(target, credentials);
	grpc_channel_credentials_release(credentials);
	free(ca);
	free(certificate);
	free(key);
	return channel;
}

static struct rpc_answer call_on(grpc_channel *channel, const char *path,
				 const ProtobufCMessageDescriptor *type)
{
	struct rpc_answer answer;
	ProtobufCMessage *response;

	TEXT_MESSAGE(request, "");
	response = rpc_call_message(channel, path, &request.base, type, &answer);
	if (response)
		protobuf_c_message_free_unpacked(response, NULL);
	grpc_channel_destroy(channel);
	return answer;
}

static void certificates_give_identities(void **state)
{
	static const struct {
		const char *client, *identity;
	} cases[] = {
		{"cn", "cn:unix:uid=0"},
		{"dns", "dns:ctl.example.org"},
		{"spiffe", "spiffe://example.org/ctl"},
	};

	start_tls(*state);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		grpc_channel *channel = dial_tls(*state, cases[i].client);
		struct rpc_peer seen;

		assert_int_equal(call_on(channel, see_method.path, TEXT).code, GRPC_STATUS_OK);
		seen = see_last();
		assert_int_equal(seen.transport, RPC_TRANSPORT_TLS);
		assert_string_equal(seen.identity, cases[i].identity);
		assert_int_equal(strncmp(seen.address, "ipv4:127.0.0.1:", 15), 0);
	}
}

static void nameless_certificates_get_health_only(void **state)
{
	static const char *const clients[] = {"none", "both"};

	start_tls(*state);
	for (size_t i = 0; i < sizeof(clients) / sizeof(*clients); i++) {
		struct rpc_answer answer =
			call_on(dial_tls(*state, clients[i]), see_method.path, TEXT);

		assert_int_equal(answer.code, GRPC_STATUS_UNAUTHENTICATED);
		assert_string_equal(answer.reason, "NO_IDENTITY");
		answer = call_on(dial_tls(*state, clients[i]), "/grpc.health.v1.Health/Check",
				 &grpc__health__v1__health_check_response__descriptor);
		assert_int_equal(answer.code, GRPC_STATUS_OK);
	}
}

static void strangers_do_not_get_in(void **state)
{
	char target[64];

	start_tls(*state);
	assert_int_equal(call_on(dial_tls(*state, NULL), see_method.path, TEXT).code,
			 GRPC_STATUS_UNAVAILABLE);
	assert_int_equal(call_on(dial_tls(*state, "foreign"), see_method.path, TEXT).code,
			 GRPC_STATUS_UNAVAILABLE);
	snprintf(target, sizeof(target), "127.0.0.1:%d", rpc_server_port(*state, 0));
	assert_int_equal(call_on(rpc_client_new(target, NULL), see_method.path, TEXT).code,
			 GRPC_STATUS_UNAVAILABLE);
}

/* What is small on the wire must not become large behind the checks. */
static void compression_is_refused(void **state)
{
	grpc_arg gzip = {GRPC_ARG_INTEGER,
			 (char *)GRPC_COMPRESSION_CHANNEL_DEFAULT_ALGORITHM,
			 {.integer = GRPC_COMPRESS_GZIP}};
	const grpc_channel_args arguments = {1, &gzip};
	grpc_channel_credentials *plain = grpc_insecure_credentials_create();
	char target[64], text[4096];
	struct rpc_answer answer;
	grpc_channel *channel;
	const char *error;

	assert_int_equal(rpc_server_listen(*state, "127.0.0.1:0", NULL, true, &error), 0);
	assert_int_equal(rpc_server_start(*state), 0);
	snprintf(target, sizeof(target), "127.0.0.1:%d", rpc_server_port(*state, 0));
	channel = grpc_channel_create(target, plain, &arguments);
	grpc_channel_credentials_release(plain);
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	TEXT_MESSAGE(request, text);
	assert_null(rpc_call_message(channel, see_method.path, &request.base, TEXT, &answer));
	assert_int_equal(answer.code, GRPC_STATUS_UNIMPLEMENTED);
	assert_non_null(strstr(answer.message, "gzip"));
	grpc_channel_destroy(channel);
}

static void drop_log(int severity, const char *text)
{
	(void)severity;
	(void)text;
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(plaintext_is_for_loopback),
		test(addresses_that_make_no_sense),
		test(ports_are_not_shared),
		test(living_unix_socket_is_in_use),
		test(certificate_files_are_named),
		test(certificates_give_identities),
		test(nameless_certificates_get_health_only),
		test(strangers_do_not_get_in),
		test(compression_is_refused),
	};

	/* It complains about what these tests do on purpose. */
	rpc_set_log(drop_log);
	return cmocka_run_group_tests(tests, setup_certificates, teardown_certificates);
}
