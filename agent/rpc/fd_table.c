/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/fd_table.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum number_state { NUMBER_FRESH, NUMBER_OPEN, NUMBER_RESTING };

struct number {
	enum number_state state;
	struct ucred peer; /* not FRESH */
	ino_t socket; /* OPEN */
	int64_t closed_ms; /* RESTING: seen closed then */
};

/* How many connections a user has; n 0: the place is free. */
struct user {
	uid_t uid;
	size_t n;
};

struct fd_table {
	struct fd_table_options options;
	pthread_mutex_t lock; /* peers are read by other threads */
	int next; /* where the search goes on */
	size_t n_open;
	struct user *users; /* a place for each connection */
	struct number *numbers;
};

int fd_table_new(const struct fd_table_options *options, struct fd_table **ret)
{
	struct fd_table *table;

	if (options->first < 0 || options->end <= options->first)
		return -EINVAL;
	table = calloc(1, sizeof(*table));
	if (!table)
		return -ENOMEM;
	table->options = *options;
	table->next = options->first;
	table->numbers =
		calloc((size_t)(options->end - options->first), sizeof(*table->numbers));
	table->users = calloc(options->connections, sizeof(*table->users));
	pthread_mutex_init(&table->lock, NULL);
	if (!table->numbers || !table->users) {
		fd_table_free(table);
		return -ENOMEM;
	}
	*ret = table;
	return 0;
}

void fd_table_free(struct fd_table *table)
{
	if (!table)
		return;
	pthread_mutex_destroy(&table->lock);
	free(table->users);
	free(table->numbers);
	free(table);
}

static struct number *fd_table_at(struct fd_table *table, int number)
{
	if (number < table->options.first || number >= table->options.end)
		return NULL;
	return &table->numbers[number - table->options.first];
}

/* The user's place; a free one with this uid if it has no connection; NULL: all are taken, so
 * there is no room for it anyway. */
static struct user *fd_table_user(struct fd_table *table, uid_t uid)
{
	struct user *free_one = NULL;

	for (size_t i = 0; i < table->options.connections; i++) {
		struct user *user = &table->users[i];

		if (user->n && user->uid == uid)
			return user;
		if (!user->n && !free_one)
			free_one = user;
	}
	if (free_one)
		free_one->uid = uid;
	return free_one;
}

static bool fd_table_has_room(struct fd_table *table, uid_t uid)
{
	const struct user *user = fd_table_user(table, uid);

	return table->n_open < table->options.connections && user &&
	       user->n < table->options.of_user;
}

/* Writing takes the lock because of fd_table_find(); reading here does not, for only the
 * placing thread writes. */
static void fd_table_rest(struct fd_table *table, struct number *entry, int64_t now_ms)
{
	pthread_mutex_lock(&table->lock);
	entry->state = NUMBER_RESTING;
	entry->closed_ms = now_ms;
	pthread_mutex_unlock(&table->lock);
	fd_table_user(table, entry->peer.uid)->n--;
	table->n_open--;
}

/* Looks which connections are gone. The number may be another file's by now. */
static void fd_table_sweep(struct fd_table *table, int64_t now_ms)
{
	for (int number = table->options.first; number < table->options.end; number++) {
		struct number *entry = fd_table_at(table, number);
		struct stat status;

		if (entry->state != NUMBER_OPEN)
			continue;
		if (fstat(number, &status) || !S_ISSOCK(status.st_mode) ||
		    status.st_ino != entry->socket)
			fd_table_rest(table, entry, now_ms);
	}
}

static bool number_is_tired(const struct fd_table *table, const struct number *entry,
			    int64_t now_ms)
{
	return entry->state == NUMBER_RESTING &&
	       now_ms - entry->closed_ms < table->options.rest_ms;
}

/* A copy of fd at the first number of the range that is free and has rested. */
static int fd_table_search(struct fd_table *table, int fd, int from, int to, int64_t now_ms)
{
	while (from < to) {
		struct number *entry;
		int number;

		if (number_is_tired(table, fd_table_at(table, from), now_ms)) {
			from++;
			continue;
		}
		number = fcntl(fd, F_DUPFD_CLOEXEC, from);
		if (number < 0)
			/* Everything from here to the limit is open, or beyond it. */
			return errno == EMFILE || errno == EINVAL ? -ENFILE : -errno;
		entry = number < to ? fd_table_at(table, number) : NULL;
		/* The kernel says that it is free, so its connection is gone. */
		if (entry && entry->state == NUMBER_OPEN)
			fd_table_rest(table, entry, now_ms);
		if (entry && !number_is_tired(table, entry, now_ms))
			return number;
		close(number);
		from = number + 1;
	}
	return -ENFILE;
}

/* In turn: from where the last search ended, once around. */
static int fd_table_take(struct fd_table *table, int fd, int64_t now_ms)
{
	const struct fd_table_options *options = &table->options;
	int number = fd_table_search(table, fd, table->next, options->end, now_ms);

	if (number == -ENFILE)
		number = fd_table_search(table, fd, options->first, table->next, now_ms);
	if (number >= 0)
		table->next = number + 1 < options->end ? number + 1 : options->first;
	return number;
}

int fd_table_place(struct fd_table *table, int fd, const struct ucred *peer, int64_t now_ms)
{
	struct stat status;
	struct number *entry;
	int number;

	if (fstat(fd, &status))
		return -errno;
	if (!fd_table_has_room(table, peer->uid))
		fd_table_sweep(table, now_ms);
	if (!fd_table_has_room(table, peer->uid))
		return -EMFILE;
	number = fd_table_take(table, fd, now_ms);
	if (number < 0)
		return number;
	entry = fd_table_at(table, number);
	pthread_mutex_lock(&table->lock);
	entry->state = NUMBER_OPEN;
	entry->peer = *peer;
	entry->socket = status.st_ino;
	pthread_mutex_unlock(&table->lock);
	fd_table_user(table, peer->uid)->n++;
	table->n_open++;
	close(fd);
	return number;
}

bool fd_table_find(struct fd_table *table, int number, struct ucred *ret)
{
	struct number *entry = fd_table_at(table, number);
	bool known = false;

	if (!entry)
		return false;
	pthread_mutex_lock(&table->lock);
	if (entry->state != NUMBER_FRESH) {
		*ret = entry->peer;
		known = true;
	}
	pthread_mutex_unlock(&table->lock);
	return known;
}
