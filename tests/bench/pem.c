/* SPDX-License-Identifier: Apache-2.0 */
#include "pem.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent.h"
#include "cleanup.h"

enum { PEM_MAX = 65536 };

char *pem_read(const char *path)
{
	cleanup(close_file) FILE *file = fopen(path, "re");
	char *text = calloc(1, PEM_MAX);

	if (!file || !text || fread(text, 1, PEM_MAX - 1, file) == 0)
		bench_fail("cannot read %s", path);
	return text;
}
