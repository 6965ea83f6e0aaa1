/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/probe.h"

#include <errno.h>
#include <sys/time.h>
#include <unistd.h>

#include "rpc/limits.h"

#define FRAME_HEAD 9
#define FRAME_DATA 0
#define FRAME_HEADERS 1

/* The client's preface, SETTINGS, and a call of Health/Check on stream 1 with an empty request.
 * Numbers of header fields are those of HPACK's static table; nothing is compressed. */
static const char question[] =
	"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	"\0\0\0\x04\0\0\0\0\0" /* SETTINGS */
	"\0\0\x47\x01\x04\0\0\0\x01" /* HEADERS of 71 octets, END_HEADERS */
	"\x83\x86" /* POST, http */
	"\x04\x1C/grpc.health.v1.Health/Check"
	"\x01\x05probe" /* :authority */
	"\x0F\x10\x10"
	"application/grpc" /* content-type */
	"\0\x02te\x08trailers"
	"\0\0\x05\0\x01\0\0\0\x01" /* DATA of 5 octets, END_STREAM */
	"\0\0\0\0\0";

void probe_done(struct probe *probe)
{
	if (probe->fd > 0)
		close(probe->fd);
	probe->fd = 0;
	probe->used = 0;
}

static int probe_send(const struct probe *probe)
{
	const struct timeval wait = {.tv_sec = RPC_PROBE_CONNECT_MS / 1000,
				     .tv_usec = RPC_PROBE_CONNECT_MS % 1000 * 1000};

	if (setsockopt(probe->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) ||
	    connect(probe->fd, (const struct sockaddr *)&probe->address, probe->length))
		return -errno;
	if (probe->tls)
		return shutdown(probe->fd, SHUT_WR) ? -errno : 0;
	return send(probe->fd, question, sizeof(question) - 1, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* A connection that was turned away meanwhile is no failure: its end is read later. */
void probe_ask(struct probe *probe)
{
	int err;

	probe_done(probe);
	probe->fd = socket(probe->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (probe->fd < 0)
		return;
	err = probe_send(probe);
	if (err && err != -EPIPE && err != -ECONNRESET && err != -ENOTCONN) {
		close(probe->fd);
		probe->fd = -1;
	}
}

/* Is among the whole heads of frames one of the answer? Payloads may still be to come. */
static bool has_answer(const uint8_t *octets, size_t size)
{
	while (size >= FRAME_HEAD) {
		const size_t length = (size_t)octets[0] << 16 | octets[1] << 8 | octets[2];
		const bool of_the_call =
			octets[5] == 0 && octets[6] == 0 && octets[7] == 0 && octets[8] == 1;

		if (of_the_call && (octets[3] == FRAME_DATA || octets[3] == FRAME_HEADERS))
			return true;
		if (length > size - FRAME_HEAD)
			return false;
		octets += FRAME_HEAD + length;
		size -= FRAME_HEAD + length;
	}
	return false;
}

bool probe_is_answered(struct probe *probe)
{
	if (probe->fd <= 0)
		return probe->fd == 0;
	while (probe->used < sizeof(probe->answer)) {
		const ssize_t got = recv(probe->fd, probe->answer + probe->used,
					 sizeof(probe->answer) - probe->used, MSG_DONTWAIT);

		if (got < 0 && errno == EAGAIN)
			break;
		if (got <= 0)
			return true;
		probe->used += (size_t)got;
	}
	return has_answer(probe->answer, probe->used);
}
