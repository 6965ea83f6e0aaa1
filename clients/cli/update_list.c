/* SPDX-License-Identifier: Apache-2.0 */
#include "update_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cleanup.h"
#include "exit_code.h"
#include "json_read.h"
#include "json_source.h"
#include "mark_check.h"
#include "text.h"

/* Lines that are wrong and still named, each by itself. */
#define COMPLAINTS_MAX 10

/* The input of one command. */
struct input {
	FILE *file;
	bool marks_only;
};

size_t update_list_size(const struct update_list *list, size_t index)
{
	return list->ends[index] - (index ? list->ends[index - 1] : 0);
}

Waymark__V1__MarkUpdate *update_list_get(const struct update_list *list, size_t index)
{
	size_t size = update_list_size(list, index);

	return must(waymark__v1__mark_update__unpack(NULL, size,
						     list->bytes + list->ends[index] - size));
}

void update_list_done(struct update_list *list)
{
	free(list->bytes);
	free(list->ends);
	free(list->lines);
}

static void update_list_add(struct update_list *list, const Waymark__V1__MarkUpdate *update,
			    size_t line)
{
	size_t size = waymark__v1__mark_update__get_packed_size(update);

	while (list->length + size > list->capacity) {
		list->capacity = list->capacity ? 2 * list->capacity : 65536;
		list->bytes = must(realloc(list->bytes, list->capacity));
	}
	if (list->count == list->room) {
		list->room = list->room ? 2 * list->room : 1024;
		list->ends = must(reallocarray(list->ends, list->room, sizeof(*list->ends)));
		list->lines = must(reallocarray(list->lines, list->room, sizeof(*list->lines)));
	}
	list->length += waymark__v1__mark_update__pack(update, list->bytes + list->length);
	list->ends[list->count] = list->length;
	list->lines[list->count++] = line;
}

/* NULL: reason says why. */
static Waymark__V1__MarkUpdate *read_update(const json_t *value, bool marks_only,
					    char reason[static REASON_MAX])
{
	cleanup(free_message) Waymark__V1__MarkUpdate *update = NULL;
	ProtobufCMessage *mark;

	if (!marks_only && (json_object_get(value, "set") || json_object_get(value, "clear")))
		return (Waymark__V1__MarkUpdate *)json_read(
			&waymark__v1__mark_update__descriptor, value, reason);
	mark = json_read(&waymark__v1__mark__descriptor, value, reason);
	if (!mark)
		return NULL;
	update = must(malloc(sizeof(*update)));
	waymark__v1__mark_update__init(update);
	update->update_case = WAYMARK__V1__MARK_UPDATE__UPDATE_SET;
	update->set = (Waymark__V1__Mark *)mark;
	return take(update);
}

/* A mark by itself has no "set." in front of its fields. */
static void fault_reason(const json_t *value, const struct fault *fault,
			 char reason[static REASON_MAX])
{
	const char *field = fault->field;

	if (!json_object_get(value, "set") && strncmp(field, "set.", strlen("set.")) == 0)
		field += strlen("set.");
	(void)snprintf(reason, REASON_MAX, "%s%s%s%s", fault->message, *field ? " (field " : "",
		       field, *field ? ")" : "");
}

/* 0, or -1 with reason. */
static int list_value(struct update_list *list, const json_t *value, size_t line,
		      bool marks_only, char reason[static REASON_MAX])
{
	cleanup(free_message) Waymark__V1__MarkUpdate *update =
		read_update(value, marks_only, reason);
	struct fault fault;

	if (!update)
		return -1;
	if (update_check(update, &fault)) {
		fault_reason(value, &fault, reason);
		return -1;
	}
	update_list_add(list, update, line);
	return 0;
}

static int list_read(struct cli *cli, struct update_list *list, const struct input *input)
{
	struct json_source source;
	char reason[REASON_MAX];
	int complaints = 0;
	int more;

	json_source_init(&source, input->file);
	do {
		json_t *value = NULL;
		size_t line;
		int wrong = 0;

		more = json_source_next(&source, &value, &line, reason);
		if (more > 0)
			wrong = list_value(list, value, line, input->marks_only, reason);
		json_decref(value);
		if (more < 0 || wrong) {
			(void)cli_usage(cli, "%s:%zu: %s", list->name, line, reason);
			complaints++;
		}
	} while (more > 0 && complaints < COMPLAINTS_MAX);
	return complaints ? EXIT_USAGE : EXIT_OK;
}

int update_list_read(struct cli *cli, struct update_list *list, const char *path,
		     bool marks_only)
{
	const bool is_stdin = strcmp(path, "-") == 0;
	cleanup(close_file) FILE *opened = is_stdin ? NULL : fopen(path, "re");
	const struct input input = {is_stdin ? stdin : opened, marks_only};

	*list = (struct update_list){.name = is_stdin ? "<stdin>" : path};
	if (!input.file)
		return cli_usage(cli, "%s: %s", path, strerror(errno));
	return list_read(cli, list, &input);
}
