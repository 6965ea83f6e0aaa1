/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "now.h"

enum http_stage {
	HTTP_FREE, /* nobody's */
	HTTP_READING,
	HTTP_WRITING,
	HTTP_LEAVING, /* answered; reads what still comes */
};

struct connection {
	struct http *http;
	enum http_stage stage;
	int fd;
	int64_t end; /* monotonic ns */
	struct event *event;
	struct evbuffer *answer;
	size_t used; /* READING: of `request`; LEAVING: thrown away */
	char request[HTTP_REQUEST_MAX + 1];
};

struct http {
	struct http_options options;
	struct event *accept, *pause;
	struct connection connections[HTTP_CONNECTIONS_MAX];
};

/* ---- what is answered ---- */

static const struct {
	int status;
	const char *words;
} words[] = {
	{200, "OK"},
	{400, "Bad Request"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{431, "Request Header Fields Too Large"},
	{500, "Internal Server Error"},
	{503, "Service Unavailable"},
	{505, "HTTP Version Not Supported"},
};

static const char *words_of(int status)
{
	size_t i = 0;

	while (words[i].status != status)
		i++;
	return words[i].words;
}

static void free_text(const void *data, size_t size, void *user)
{
	(void)data;
	(void)size;
	free(user);
}

static void add_head(struct evbuffer *answer, int status, const char *type, size_t size)
{
	evbuffer_add_printf(answer,
			    "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
			    "Connection: close\r\nCache-Control: no-store\r\n",
			    status, words_of(status), type, size);
	if (status == 405)
		evbuffer_add_printf(answer, "Allow: GET, HEAD\r\n");
	if (status == 503)
		evbuffer_add_printf(answer, "Retry-After: %d\r\n", HTTP_RETRY_S);
	evbuffer_add_printf(answer, "\r\n");
}

static void answer_words(struct connection *connection, int status, bool head_only)
{
	const char *text = words_of(status);

	add_head(connection->answer, status, "text/plain", strlen(text) + 1);
	if (!head_only)
		evbuffer_add_printf(connection->answer, "%s\n", text);
}

static void answer_page(struct connection *connection, bool head_only)
{
	const struct http_options *options = &connection->http->options;
	cleanup(free_bytes) char *text = NULL;
	size_t size = 0;
	int r = options->page(options->user, &text, &size);

	if (r < 0) {
		answer_words(connection, r == -EAGAIN ? 503 : 500, head_only);
		return;
	}
	add_head(connection->answer, 200, options->type, size);
	if (!head_only &&
	    evbuffer_add_reference(connection->answer, text, size, free_text, text) == 0)
		text = NULL;
}

/* ---- what is asked ---- */

struct request {
	const char *method, *target, *version;
};

/* Splits the first line, which ends the text. Is it one of HTTP? */
static bool read_line(char *line, struct request *ret)
{
	char *target, *version;

	line[strcspn(line, "\r\n")] = '\0';
	target = strchr(line, ' ');
	version = target ? strchr(target + 1, ' ') : NULL;
	if (!version || target == line || version == target + 1 || strchr(version + 1, ' ') ||
	    strncmp(version + 1, "HTTP/", 5) != 0)
		return false;
	*target = *version = '\0';
	*ret = (struct request){line, target + 1, version + 1};
	return true;
}

/* A query changes nothing. */
static bool is_path(const char *target, const char *path)
{
	const size_t length = strlen(path);

	return strncmp(target, path, length) == 0 &&
	       (target[length] == '\0' || target[length] == '?');
}

static void answer(struct connection *connection)
{
	struct request request;
	bool is_head;

	if (!read_line(connection->request, &request)) {
		answer_words(connection, 400, false);
		return;
	}
	is_head = strcmp(request.method, "HEAD") == 0;
	if (strcmp(request.version, "HTTP/1.0") != 0 &&
	    strcmp(request.version, "HTTP/1.1") != 0)
		answer_words(connection, 505, is_head);
	else if (!is_path(request.target, connection->http->options.path))
		answer_words(connection, 404, is_head);
	else if (!is_head && strcmp(request.method, "GET") != 0)
		answer_words(connection, 405, false);
	else
		answer_page(connection, is_head);
}

/* ---- connections ---- */

static void hang_up(struct connection *connection)
{
	connection->stage = HTTP_FREE;
	event_free(connection->event);
	evbuffer_free(connection->answer);
	close(connection->fd);
}

/* Goes on when the socket is ready, or ends when its time is over. */
static void wait_for(struct connection *connection, short what);

/* Are the headers complete? An empty line ends them. */
static bool is_complete(const struct connection *connection)
{
	return memmem(connection->request, connection->used, "\n\r\n", 3) ||
	       memmem(connection->request, connection->used, "\n\n", 2);
}

static void write_answer(struct connection *connection)
{
	while (evbuffer_get_length(connection->answer) > 0) {
		if (evbuffer_write(connection->answer, connection->fd) >= 0)
			continue;
		if (errno == EAGAIN)
			wait_for(connection, EV_WRITE);
		else
			hang_up(connection);
		return;
	}
	shutdown(connection->fd, SHUT_WR);
	connection->stage = HTTP_LEAVING;
	connection->used = 0;
	wait_for(connection, EV_READ);
}

/* Returns how many octets came, 0 at the end; negative: there are none now. */
static ssize_t receive(struct connection *connection, size_t offset)
{
	ssize_t n = recv(connection->fd, connection->request + offset,
			 HTTP_REQUEST_MAX - offset, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		wait_for(connection, EV_READ);
	else if (n <= 0)
		hang_up(connection);
	return n;
}

static void read_request(struct connection *connection)
{
	ssize_t n = receive(connection, connection->used);

	if (n <= 0)
		return;
	connection->used += (size_t)n;
	connection->request[connection->used] = '\0';
	if (is_complete(connection))
		answer(connection);
	else if (connection->used == HTTP_REQUEST_MAX)
		answer_words(connection, 431, false);
	else {
		wait_for(connection, EV_READ);
		return;
	}
	connection->stage = HTTP_WRITING;
	write_answer(connection);
}

static void leave(struct connection *connection)
{
	ssize_t n = receive(connection, 0);

	if (n <= 0)
		return;
	connection->used += (size_t)n;
	if (connection->used > HTTP_REST_MAX)
		hang_up(connection);
	else
		wait_for(connection, EV_READ);
}

static void go_on(evutil_socket_t fd, short what, void *user)
{
	struct connection *connection = user;

	(void)fd;
	if (what & EV_TIMEOUT)
		hang_up(connection);
	else if (connection->stage == HTTP_READING)
		read_request(connection);
	else if (connection->stage == HTTP_WRITING)
		write_answer(connection);
	else
		leave(connection);
}

static struct timeval time_of(int64_t left)
{
	return (struct timeval){.tv_sec = left / NANOSECONDS,
				.tv_usec = left % NANOSECONDS / 1000};
}

static void wait_for(struct connection *connection, short what)
{
	const int64_t left = connection->end - now_on(CLOCK_MONOTONIC);
	const struct timeval timeout = time_of(left);

	if (left <= 0 ||
	    event_assign(connection->event, connection->http->options.base, connection->fd,
			 what, go_on, connection) < 0 ||
	    event_add(connection->event, &timeout) < 0)
		hang_up(connection);
}

/* ---- accepting ---- */

static struct connection *make_room(struct http *http)
{
	struct connection *oldest = &http->connections[0];

	for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
		struct connection *connection = &http->connections[i];

		if (connection->stage == HTTP_FREE)
			return connection;
		if (connection->end < oldest->end)
			oldest = connection;
	}
	hang_up(oldest);
	return oldest;
}

/* Takes over fd. */
static void welcome(struct http *http, int fd)
{
	struct connection *connection = make_room(http);
	struct event *event = event_new(http->options.base, fd, EV_READ, go_on, connection);
	struct evbuffer *buffer = evbuffer_new();

	if (!event || !buffer) {
		if (event)
			event_free(event);
		if (buffer)
			evbuffer_free(buffer);
		close(fd);
		return;
	}
	connection->http = http;
	connection->stage = HTTP_READING;
	connection->fd = fd;
	connection->end = now_on(CLOCK_MONOTONIC) + HTTP_CONNECTION_MS * MILLISECOND;
	connection->event = event;
	connection->answer = buffer;
	connection->used = 0;
	wait_for(connection, EV_READ);
}

/* Without an address: those of this process that want one are counted as rpc/gate.h says, which
 * is not for these. */
static void accept_one(evutil_socket_t listener, short what, void *user)
{
	const struct timeval pause = time_of(HTTP_ACCEPT_PAUSE_MS * MILLISECOND);
	struct http *http = user;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)what;
	if (fd >= 0) {
		welcome(http, fd);
	} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
		event_del(http->accept);
		event_add(http->pause, &pause);
	}
}

static void accept_again(evutil_socket_t fd, short what, void *user)
{
	struct http *http = user;

	(void)fd;
	(void)what;
	event_add(http->accept, NULL);
}

DEFINE_CLEANUP(free_http, struct http *, http_free)

int http_new(const struct http_options *options, struct http **ret)
{
	cleanup(free_http) struct http *http = calloc(1, sizeof(*http));

	if (!http)
		return -ENOMEM;
	http->options = *options;
	http->accept = event_new(options->base, options->listener, EV_READ | EV_PERSIST,
				 accept_one, http);
	http->pause = evtimer_new(options->base, accept_again, http);
	if (!http->accept || !http->pause || event_add(http->accept, NULL) < 0)
		return -ENOMEM;
	*ret = take(http);
	return 0;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		if (http->connections[i].stage != HTTP_FREE)
			hang_up(&http->connections[i]);
	if (http->accept)
		event_free(http->accept);
	if (http->pause)
		event_free(http->pause);
	free(http);
}
