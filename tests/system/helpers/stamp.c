/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends numbered datagrams and keeps when: stamp SOURCE { DESTINATION PORT SOURCE-PORT }...
 *
 * In rounds of one datagram per flow, until stdin ends. The payload is the number, 32 bits in
 * network order, counted over all flows. Then, for each number, the clock before and after
 * send() goes to stdout: what the kernel does on the way out is done within.
 */
#include <arpa/inet.h>
#include <err.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FLOWS_MAX 16
#define ROUND_NS 250000
#define NUMBERS_MAX (1u << 22)
#define NS_PER_S 1000000000
#define PAYLOAD 64

struct stamp {
	int64_t before, after;
};

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * (int64_t)NS_PER_S + time.tv_nsec;
}

static struct sockaddr_in6 address(const char *text, const char *port)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6,
				       .sin6_port = htons((uint16_t)atoi(port))};

	if (inet_pton(AF_INET6, text, &address.sin6_addr) != 1)
		errx(2, "%s: no address", text);
	return address;
}

static int flow_open(const char *source, char *flow[])
{
	struct sockaddr_in6 from = address(source, flow[2]), to = address(flow[0], flow[1]);
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&from, sizeof(from)) ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)))
		err(1, "%s", flow[0]);
	return fd;
}

static struct stamp send_number(int fd, uint32_t number)
{
	uint32_t payload[PAYLOAD / 4] = {htonl(number)};
	struct stamp stamp = {.before = now()};

	if (send(fd, payload, sizeof(payload), 0) != sizeof(payload))
		err(1, "send");
	stamp.after = now();
	return stamp;
}

/* Waits for the next round; false when stdin has ended. Rounds that were missed are not made
 * up for: no bursts. */
static int next_round(int64_t *round)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	struct timespec time;

	*round += ROUND_NS;
	if (*round < now())
		*round = now();
	time = (struct timespec){*round / NS_PER_S, *round % NS_PER_S};
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
	return poll(&input, 1, 0) == 0;
}

int main(int argc, char *argv[])
{
	struct stamp *stamps = calloc(NUMBERS_MAX, sizeof(*stamps));
	int fds[FLOWS_MAX], flows = (argc - 2) / 3;
	int64_t round = now();
	uint32_t number = 0;

	if (argc < 5 || flows > FLOWS_MAX || !stamps)
		errx(2, "usage: stamp SOURCE { DESTINATION PORT SOURCE-PORT }...");
	for (int i = 0; i < flows; i++)
		fds[i] = flow_open(argv[1], &argv[2 + 3 * i]);
	while (next_round(&round) && number + FLOWS_MAX < NUMBERS_MAX)
		for (int i = 0; i < flows; i++, number++)
			stamps[number] = send_number(fds[i], number);
	if (fwrite(stamps, sizeof(*stamps), number, stdout) != number || fflush(stdout))
		err(1, "stdout");
	free(stamps);
	return 0;
}
