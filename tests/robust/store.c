/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a store holds: reads directories from stdin, one a line, and answers for each the newest
 * revision, a line "DESTINATION REVISION LABEL DSCP COOKIE" for each mark and a line with a
 * dot; or why it cannot be opened, and a dot.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/store.h"

#define MARKS_MAX 1024

struct table {
	struct mark marks[MARKS_MAX]; /* revision 0: it has gone */
	size_t count;
};

static int keep(const struct store_record *record, void *user)
{
	const struct match *match =
		record->mark ? &record->mark->match : &record->removal->match;
	struct table *table = user;
	size_t i = 0;

	while (i < table->count && memcmp(&table->marks[i].match, match, sizeof(*match)) != 0)
		i++;
	if (i == MARKS_MAX)
		return -1;
	if (i == table->count)
		table->count++;
	table->marks[i] = record->mark ? *record->mark : (struct mark){.match = *match};
	return 0;
}

static void print(const struct mark *mark)
{
	char destination[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET6, mark->match.destination, destination, sizeof(destination));
	printf("%s %" PRIu64 " %u %u %s\n", destination, mark->revision,
	       mark->action.flow_label, mark->action.dscp, mark->cookie);
}

static void answer(const char *directory)
{
	static struct table table;
	const struct store_options options = {.directory = directory};
	char error[STORE_ERROR_MAX];
	struct store *store;

	table.count = 0;
	if (store_open(&options, &store, error) < 0) {
		puts(error);
		return;
	}
	if (store_scan(store, 0, keep, &table) != 0)
		puts("cannot be read");
	else
		printf("%" PRIu64 "\n", store_revision(store));
	for (size_t i = 0; i < table.count; i++)
		if (table.marks[i].revision)
			print(&table.marks[i]);
	store_close(store);
}

int main(void)
{
	char line[4096];

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		answer(line);
		puts(".");
		fflush(stdout);
	}
	return 0;
}
