/* SPDX-License-Identifier: Apache-2.0 */
#include "registry_file.h"

#include <errno.h>
#include <string.h>

#include "agent/cleanup.h"
#include "text.h"

/* The published registry has 10 KiB. */
#define REGISTRY_SIZE_MAX ((size_t)4 * 1024 * 1024)

static int refuse(char reason[static REASON_MAX], const char *why)
{
	(void)snprintf(reason, REASON_MAX, "%s", why);
	return -1;
}

static int file_read(FILE *file, struct registry **ret, char reason[static REASON_MAX])
{
	cleanup(free_bytes) char *json = must(malloc(REGISTRY_SIZE_MAX));
	struct fault fault = {0};
	size_t length;

	errno = 0;
	length = fread(json, 1, REGISTRY_SIZE_MAX, file);
	if (ferror(file))
		return refuse(reason, strerror(errno));
	if (length == REGISTRY_SIZE_MAX)
		return refuse(reason, "larger than 4 MiB");
	if (registry_parse(json, length, ret, &fault))
		return refuse(reason, fault.message[0] ? fault.message : "no memory");
	return 0;
}

int registry_read_file(const char *path, struct registry **ret, char reason[static REASON_MAX])
{
	FILE *file = fopen(path, "re");
	int result = file ? file_read(file, ret, reason) : refuse(reason, strerror(errno));

	if (file)
		(void)fclose(file);
	return result;
}
