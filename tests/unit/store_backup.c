/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_backup DIRECTORY FILE: a backup from a process of its own, as it is meant. Its exit
 * status is the error number.
 */
#include <stdio.h>

#include "store/store.h"

int main(int argc, char *argv[])
{
	char error[STORE_ERROR_MAX];

	if (argc != 3) {
		fprintf(stderr, "usage: store_backup DIRECTORY FILE\n");
		return 255;
	}
	return -store_backup(argv[1], argv[2], error);
}
