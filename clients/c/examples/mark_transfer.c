/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends stdin to a TCP port, and has this one connection marked while it does:
 *
 *	mark_transfer AGENT EXPERIMENT ACTIVITY HOST PORT <FILE
 *	mark_transfer unix:/run/waymark/waymark.sock cms 'Analysis Input' 2001:db8::2 5001 <FILE
 *
 * The mark hangs on a lease that a thread renews. If this program dies, nobody renews it, and
 * the kernel stops marking by itself. At the end the mark is cleared, and its final counters
 * are printed: what was marked, as it was on the wire.
 *
 *	cc mark_transfer.c $(pkg-config --cflags --libs waymark) -pthread
 */
#define _GNU_SOURCE 1 /* sem_clockwait */
#include <err.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <waymark/client.h>

#define LEASE_SECONDS 30
/* Two renewals may fail before the lease ends. */
#define RENEW_SECONDS (LEASE_SECONDS / 3)

static void die(const char *what, const struct waymark_error *error)
{
	errx(EXIT_FAILURE, "%s: %s: %s", what, waymark_code_name(error->code), error->message);
}

struct address {
	char host[NI_MAXHOST];
	uint32_t port;
};

/* One end of a connection, as numbers. */
static struct address address_of(int fd, int (*get)(int, struct sockaddr *, socklen_t *))
{
	struct address address;
	struct sockaddr_in6 name;
	socklen_t length = sizeof(name);

	if (get(fd, (struct sockaddr *)&name, &length) ||
	    getnameinfo((struct sockaddr *)&name, length, address.host, sizeof(address.host),
			NULL, 0, NI_NUMERICHOST))
		err(EXIT_FAILURE, "address of the connection");
	address.port = ntohs(name.sin6_port);
	return address;
}

static int connect_to(const char *host, const char *port)
{
	const struct addrinfo hints = {.ai_family = AF_INET6, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found;
	int fd, error = getaddrinfo(host, port, &hints, &found);

	if (error)
		errx(EXIT_FAILURE, "%s: %s", host, gai_strerror(error));
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen))
		err(EXIT_FAILURE, "%s port %s", host, port);
	freeaddrinfo(found);
	return fd;
}

static uint64_t grant_lease(struct waymark_client *client)
{
	Waymark__V1__GrantLeaseRequest request = WAYMARK__V1__GRANT_LEASE_REQUEST__INIT;
	Google__Protobuf__Duration ttl = GOOGLE__PROTOBUF__DURATION__INIT;
	Waymark__V1__GrantLeaseResponse *response;
	struct waymark_error error;
	uint64_t lease_id;

	ttl.seconds = LEASE_SECONDS;
	request.ttl = &ttl;
	if (waymark_grant_lease(client, &request, &response, &error))
		die("no lease", &error);
	lease_id = response->lease->lease_id;
	waymark__v1__grant_lease_response__free_unpacked(response, NULL);
	return lease_id;
}

static void revoke_lease(struct waymark_client *client, uint64_t lease_id)
{
	Waymark__V1__RevokeLeaseRequest request = WAYMARK__V1__REVOKE_LEASE_REQUEST__INIT;
	Waymark__V1__RevokeLeaseResponse *response;
	struct waymark_error error;

	request.lease_id = lease_id;
	if (waymark_revoke_lease(client, &request, &response, &error))
		warnx("the lease will end by itself: %s", error.message);
	else
		waymark__v1__revoke_lease_response__free_unpacked(response, NULL);
}

struct renewal {
	struct waymark_client *client;
	uint64_t lease_id;
	sem_t over; /* the transfer */
};

static void renew_lease(const struct renewal *renewal)
{
	Waymark__V1__RenewLeaseRequest request = WAYMARK__V1__RENEW_LEASE_REQUEST__INIT;
	Waymark__V1__RenewLeaseResponse *response;
	struct waymark_error error;

	request.lease_id = renewal->lease_id;
	if (waymark_renew_lease(renewal->client, &request, &response, &error))
		warnx("lease not renewed: %s", error.message);
	else
		waymark__v1__renew_lease_response__free_unpacked(response, NULL);
}

static void *renew_until_over(void *pointer)
{
	struct renewal *renewal = pointer;
	struct timespec next;

	clock_gettime(CLOCK_MONOTONIC, &next);
	for (next.tv_sec += RENEW_SECONDS;
	     sem_clockwait(&renewal->over, CLOCK_MONOTONIC, &next);
	     next.tv_sec += RENEW_SECONDS)
		renew_lease(renewal);
	return NULL;
}

/* Borrows the addresses: the packets that leave this host for the connection. */
static Waymark__V1__Match match_of(struct address *local, struct address *remote)
{
	Waymark__V1__Match match = WAYMARK__V1__MATCH__INIT;

	match.protocol = WAYMARK__V1__PROTOCOL__PROTOCOL_TCP;
	match.source = local->host;
	match.source_port = local->port;
	match.destination = remote->host;
	match.destination_port = remote->port;
	return match;
}

static void set_mark(struct waymark_client *client, Waymark__V1__Match *match, char *experiment,
		     char *activity, uint64_t lease_id)
{
	Waymark__V1__SetMarkRequest request = WAYMARK__V1__SET_MARK_REQUEST__INIT;
	Waymark__V1__Mark mark = WAYMARK__V1__MARK__INIT;
	Waymark__V1__Scitag scitag = WAYMARK__V1__SCITAG__INIT;
	Waymark__V1__SetMarkResponse *response;
	struct waymark_error error;

	scitag.experiment = experiment;
	scitag.activity = activity;
	mark.match = match;
	mark.label_case = WAYMARK__V1__MARK__LABEL_SCITAG;
	mark.scitag = &scitag;
	mark.lifetime_case = WAYMARK__V1__MARK__LIFETIME_LEASE_ID;
	mark.lease_id = lease_id;
	request.mark = &mark;
	if (waymark_set_mark(client, &request, &response, &error))
		die("not marked", &error);
	for (size_t i = 0; i < response->n_warnings; i++)
		warnx("%s", response->warnings[i]);
	waymark__v1__set_mark_response__free_unpacked(response, NULL);
}

static void clear_mark(struct waymark_client *client, Waymark__V1__Match *match)
{
	Waymark__V1__ClearMarkRequest request = WAYMARK__V1__CLEAR_MARK_REQUEST__INIT;
	Waymark__V1__ClearMarkResponse *response;
	struct waymark_error error;

	request.match = match;
	if (waymark_clear_mark(client, &request, &response, &error))
		die("final counters", &error);
	if (response->mark && response->mark->counters)
		printf("marked packets %llu bytes %llu\n",
		       (unsigned long long)response->mark->counters->packets,
		       (unsigned long long)response->mark->counters->bytes);
	else
		warnx("the mark was gone already");
	waymark__v1__clear_mark_response__free_unpacked(response, NULL);
}

/* Sends all of stdin and waits until the other end has closed, too. */
static void transfer(int fd)
{
	static char buffer[65536];
	ssize_t length;

	while ((length = read(STDIN_FILENO, buffer, sizeof(buffer))) > 0)
		for (ssize_t sent = 0, part; sent < length; sent += part) {
			part = send(fd, buffer + sent, (size_t)(length - sent), MSG_NOSIGNAL);
			if (part < 0)
				err(EXIT_FAILURE, "send");
		}
	if (length < 0)
		err(EXIT_FAILURE, "stdin");
	shutdown(fd, SHUT_WR);
	while (recv(fd, buffer, sizeof(buffer), 0) > 0)
		;
}

int main(int argc, char **argv)
{
	struct waymark_options options = {.wait_for_ready = true};
	struct renewal renewal;
	struct waymark_error error;
	struct address local, remote;
	Waymark__V1__Match match;
	pthread_t thread;
	int fd;

	if (argc != 6)
		errx(2, "usage: mark_transfer AGENT EXPERIMENT ACTIVITY HOST PORT <FILE");
	options.target = argv[1];
	if (waymark_open(&options, &renewal.client, &error))
		die(error.field, &error);
	fd = connect_to(argv[4], argv[5]);
	local = address_of(fd, getsockname);
	remote = address_of(fd, getpeername);
	match = match_of(&local, &remote);

	renewal.lease_id = grant_lease(renewal.client);
	set_mark(renewal.client, &match, argv[2], argv[3], renewal.lease_id);
	sem_init(&renewal.over, 0, 0);
	if (pthread_create(&thread, NULL, renew_until_over, &renewal))
		errx(EXIT_FAILURE, "no thread");
	transfer(fd);
	sem_post(&renewal.over);
	pthread_join(thread, NULL);
	sem_destroy(&renewal.over);

	/* Before the lease, for only this answer has the counters. */
	clear_mark(renewal.client, &match);
	revoke_lease(renewal.client, renewal.lease_id);
	close(fd);
	waymark_close(renewal.client);
	return EXIT_SUCCESS;
}
