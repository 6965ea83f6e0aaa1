/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/attach.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/clsact.h"
#include "datapath/device.h"
#include "datapath/message.h"
#include "datapath/tcx.h"

struct row {
	struct attach_interface shown;
	int link; /* ATTACH_TCX */
	struct clsact clsact; /* ATTACH_CLSACT */
};

struct attach {
	const struct datapath *datapath;
	enum attach_mode mode;
	pthread_mutex_t lock; /* of the rows, against attach_list() */
	struct row *rows;
	size_t count;
};

int attach_new(const struct datapath *datapath, enum attach_mode mode, struct attach **ret)
{
	struct attach *attach = calloc(1, sizeof(*attach));

	if (!attach)
		return -ENOMEM;
	attach->datapath = datapath;
	attach->mode = mode;
	pthread_mutex_init(&attach->lock, NULL);
	*ret = attach;
	return 0;
}

static void row_detach(const struct row *row)
{
	switch (row->shown.mode) {
	case ATTACH_TCX:
		tcx_detach(row->link);
		break;
	case ATTACH_CLSACT:
		clsact_detach(&row->clsact);
		break;
	case ATTACH_NONE:
		break;
	}
}

void attach_free(struct attach *attach)
{
	if (!attach)
		return;
	for (size_t i = 0; i < attach->count; i++)
		row_detach(&attach->rows[i]);
	pthread_mutex_destroy(&attach->lock);
	free(attach->rows);
	free(attach);
}

static const char *reason(int error)
{
	switch (error) {
	case -ENODEV:
		return "no such interface";
	case -EAFNOSUPPORT:
		return "its packets begin with a header that is neither Ethernet's nor IP's";
	case -EOPNOTSUPP:
		return "the kernel does not support it";
	case -EEXIST:
		return "another filter has the priority and handle of ours";
	case -EBUSY:
		return "an ingress qdisc is in the place of clsact";
	default:
		return strerrordesc_np(-error);
	}
}

/* Remembers why a row is not attached. Returns the error. */
static int row_fail(struct row *row, const char *step, int error)
{
	snprintf(row->shown.error, sizeof(row->shown.error), "%s: %s", step, reason(error));
	return error;
}

/* Ours first, then the leftover goes: no packet is without either. */
static int row_use_tcx(struct row *row, int program)
{
	int link = tcx_attach(row->shown.ifindex, program);

	if (link < 0)
		return row_fail(row, "tcx", link);
	clsact_remove_leftover(row->shown.ifindex);
	row->link = link;
	row->shown.mode = ATTACH_TCX;
	return 0;
}

static int row_use_clsact(struct row *row, int program)
{
	int error = clsact_attach(row->shown.ifindex, program, &row->clsact);

	if (error)
		return row_fail(row, "clsact", error);
	row->shown.mode = ATTACH_CLSACT;
	row->shown.error[0] = '\0';
	return 0;
}

static int row_attach(const struct attach *attach, struct row *row)
{
	struct device device = {0};
	int error = device_find(row->shown.name, &device), program;

	row->shown.ifindex = device.ifindex;
	if (error)
		return row_fail(row, "interface", error);
	program = datapath_program(attach->datapath, device.has_ethernet_header);
	if (attach->mode == ATTACH_CLSACT)
		return row_use_clsact(row, program);
	error = row_use_tcx(row, program);
	if (error == -EOPNOTSUPP && attach->mode == ATTACH_NONE)
		return row_use_clsact(row, program);
	return error;
}

/* Index of the row with this name, or count. */
static size_t row_find(const struct attach *attach, const char *name)
{
	size_t i = 0;

	while (i < attach->count && strcmp(attach->rows[i].shown.name, name) != 0)
		i++;
	return i;
}

/* Makes room for one more row. */
static int rows_grow(struct attach *attach)
{
	struct row *rows;

	pthread_mutex_lock(&attach->lock);
	rows = reallocarray(attach->rows, attach->count + 1, sizeof(*rows));
	if (rows)
		attach->rows = rows;
	pthread_mutex_unlock(&attach->lock);
	return rows ? 0 : -ENOMEM;
}

int attach_add(struct attach *attach, const char *name)
{
	size_t length = strlen(name), place = row_find(attach, name);
	struct row row = {0};
	int error;

	if (!length || length >= sizeof(row.shown.name))
		return -EINVAL;
	if (place < attach->count && attach->rows[place].shown.mode != ATTACH_NONE)
		return -EALREADY;
	if (rows_grow(attach))
		return -ENOMEM;
	message_clear();
	memcpy(row.shown.name, name, length);
	error = row_attach(attach, &row);

	pthread_mutex_lock(&attach->lock);
	attach->rows[place] = row;
	if (place == attach->count)
		attach->count++;
	pthread_mutex_unlock(&attach->lock);
	return error;
}

/* The lock does not change what the caller sees of a const object. */
static pthread_mutex_t *lock_of(const struct attach *attach)
{
	return (pthread_mutex_t *)&attach->lock;
}

size_t attach_list(const struct attach *attach, struct attach_interface rows[], size_t n)
{
	size_t count;

	pthread_mutex_lock(lock_of(attach));
	count = attach->count;
	for (size_t i = 0; i < n && i < count; i++)
		rows[i] = attach->rows[i].shown;
	pthread_mutex_unlock(lock_of(attach));
	return count;
}

bool attach_any(const struct attach *attach)
{
	bool any = false;

	pthread_mutex_lock(lock_of(attach));
	for (size_t i = 0; i < attach->count; i++)
		any = any || attach->rows[i].shown.mode != ATTACH_NONE;
	pthread_mutex_unlock(lock_of(attach));
	return any;
}
