/* SPDX-License-Identifier: Apache-2.0 */
#include "write_option.h"

Waymark__V1__WriteOptions *write_options(const struct cli *cli,
					 const struct write_values *values,
					 Waymark__V1__WriteOptions *storage)
{
	const char *owner = values->owner ?: cli->endpoint.owner;

	if (!owner && !values->election_id && !values->dry_run)
		return NULL;
	waymark__v1__write_options__init(storage);
	if (owner)
		storage->owner = (char *)owner;
	storage->election_id = values->election_id;
	storage->validate_only = values->dry_run;
	return storage;
}
