/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/read_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"

int read_file(const char *path, char **ret, size_t *ret_length)
{
	cleanup(close_file) FILE *file = fopen(path, "re");
	cleanup(free_bytes) char *text = NULL;
	size_t length = 0, room = 0;

	if (!file)
		return -errno;
	do {
		char *grown;

		room = length + 65536;
		grown = realloc(text, room + 1);
		if (!grown)
			return -ENOMEM;
		text = grown;
		length += fread(text + length, 1, room - length, file);
		if (ferror(file))
			return errno ? -errno : -EIO;
		if (length > READ_FILE_MAX)
			return -EFBIG;
	} while (length == room);
	text[length] = '\0';
	*ret = take(text);
	*ret_length = length;
	return 0;
}
