/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/boot_id.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"

/* Text of a UUID: 32 hex digits with dashes in between. */
int boot_id_read(uint8_t ret[static 16])
{
	cleanup(close_file) FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	uint8_t id[16];
	unsigned int octet;

	if (!file)
		return -errno;
	for (size_t i = 0; i < sizeof(id); i++) {
		if (fscanf(file, "-%2x", &octet) != 1 && fscanf(file, "%2x", &octet) != 1)
			return -EBADMSG;
		id[i] = (uint8_t)octet;
	}
	memcpy(ret, id, sizeof(id));
	return 0;
}
