/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/attach.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/anchor.h"
#include "datapath/clean.h"
#include "datapath/message.h"
#include "datapath/tcx.h"

struct row {
	struct attach_interface shown;
	struct anchor anchors[HOOKS];
};

struct attach {
	const struct datapath *datapath;
	struct attach_options options;
	pthread_mutex_t lock; /* of the rows, against readers */
	struct row *rows;
	size_t count;
};

int attach_new(const struct datapath *datapath, const struct attach_options *options,
	       struct attach **ret)
{
	struct attach *attach = calloc(1, sizeof(*attach));

	if (!attach)
		return -ENOMEM;
	attach->datapath = datapath;
	attach->options = *options;
	pthread_mutex_init(&attach->lock, NULL);
	if (options->pins)
		tcx_remove_strangers(options->pins);
	*ret = attach;
	return 0;
}

bool attach_needs_net_admin(const struct attach *attach)
{
	return attach->options.mode == ATTACH_CLSACT || !tcx_is_supported() ||
	       clean_has_filters();
}

/* In reverse, as clsact wants it. */
static void row_detach(struct row *row)
{
	for (int hook = HOOKS - 1; hook >= 0; hook--)
		anchor_detach(&row->anchors[hook]);
}

static void row_release(struct row *row)
{
	for (int hook = HOOKS - 1; hook >= 0; hook--)
		anchor_release(&row->anchors[hook]);
}

void attach_free(struct attach *attach, bool detach)
{
	if (!attach)
		return;
	for (size_t i = 0; i < attach->count; i++)
		if (detach || !attach->options.pins)
			row_detach(&attach->rows[i]);
		else
			row_release(&attach->rows[i]);
	pthread_mutex_destroy(&attach->lock);
	free(attach->rows);
	free(attach);
}

/* ---- rows ---- */

/* Index of the row of this interface, or count. */
static size_t row_at(const struct attach *attach, uint32_t ifindex)
{
	size_t i = 0;

	while (i < attach->count && attach->rows[i].shown.ifindex != ifindex)
		i++;
	return i;
}

/* Index of the row that says that this name is missing, or count. */
static size_t row_missing(const struct attach *attach, const char *name)
{
	size_t i = 0;

	while (i < attach->count && (attach->rows[i].shown.ifindex != 0 ||
				     strcmp(attach->rows[i].shown.name, name) != 0))
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

/* place: one that there is, or the next. */
static void row_put(struct attach *attach, size_t place, const struct row *row)
{
	pthread_mutex_lock(&attach->lock);
	attach->rows[place] = *row;
	if (place == attach->count)
		attach->count++;
	pthread_mutex_unlock(&attach->lock);
}

static void row_delete(struct attach *attach, size_t place)
{
	pthread_mutex_lock(&attach->lock);
	attach->count--;
	memmove(&attach->rows[place], &attach->rows[place + 1],
		(attach->count - place) * sizeof(*attach->rows));
	pthread_mutex_unlock(&attach->lock);
}

/* ---- hanging ---- */

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

/* Remembers what is wrong with a row. Returns the error. */
static int row_fail(struct row *row, const char *step, int error)
{
	snprintf(row->shown.error, sizeof(row->shown.error), "%s: %s", step, reason(error));
	return error;
}

static int row_hang(const struct attach *attach, struct row *row, enum hook hook, int program)
{
	struct anchor anchor = {
		.pins = attach->options.pins, .ifindex = row->shown.ifindex, .hook = hook};
	const char *step = "";
	char text[32];
	int error = anchor_attach(&anchor, attach->options.mode, program, &step);

	if (!error) {
		row->anchors[hook] = anchor;
		return 0;
	}
	snprintf(text, sizeof(text), "%s%s", hook == HOOK_INGRESS ? "observer: " : "", step);
	return row_fail(row, text, error);
}

/* What an earlier agent left at one hook of an interface that does not get it from us. */
static void clear_hook(const struct attach *attach, uint32_t ifindex, enum hook hook)
{
	if (!attach->options.pins)
		return;
	tcx_remove_leftover(attach->options.pins, ifindex, hook);
	clsact_remove_leftover(ifindex, hook);
}

static int row_attach(const struct attach *attach, struct row *row, const struct device *device)
{
	int header = device_has_ethernet_header(device), error;

	if (header < 0)
		return row_fail(row, "interface", header);
	error = row_hang(attach, row, HOOK_EGRESS, datapath_program(attach->datapath, header));
	if (error)
		return error;
	row->shown.mode = row->anchors[HOOK_EGRESS].mode;
	if (attach->options.observe)
		return row_hang(attach, row, HOOK_INGRESS,
				datapath_observer(attach->datapath, header));
	clear_hook(attach, row->shown.ifindex, HOOK_INGRESS);
	return 0;
}

int attach_add(struct attach *attach, const struct device *device)
{
	size_t place = row_at(attach, device->ifindex);
	struct row row = {.shown = {.ifindex = device->ifindex}};
	int error;

	if (place < attach->count && attach->rows[place].shown.mode != ATTACH_NONE)
		return -EALREADY;
	if (place == attach->count)
		place = row_missing(attach, device->name);
	if (rows_grow(attach))
		return -ENOMEM;
	message_clear();
	memcpy(row.shown.name, device->name, sizeof(row.shown.name));
	error = row_attach(attach, &row, device);
	row_put(attach, place, &row);
	return error;
}

void attach_remove(struct attach *attach, uint32_t ifindex)
{
	size_t place = row_at(attach, ifindex);

	if (place == attach->count)
		return;
	row_detach(&attach->rows[place]);
	row_delete(attach, place);
}

void attach_rename(struct attach *attach, uint32_t ifindex, const char *name)
{
	size_t place = row_at(attach, ifindex);

	if (place == attach->count)
		return;
	pthread_mutex_lock(&attach->lock);
	snprintf(attach->rows[place].shown.name, sizeof(attach->rows[place].shown.name), "%s",
		 name);
	pthread_mutex_unlock(&attach->lock);
}

bool attach_holds(const struct attach *attach, uint32_t ifindex)
{
	size_t place = row_at(attach, ifindex);

	if (place == attach->count || attach->rows[place].shown.mode == ATTACH_NONE)
		return false;
	for (enum hook hook = 0; hook < HOOKS; hook++) {
		const struct anchor *anchor = &attach->rows[place].anchors[hook];

		if (anchor->mode != ATTACH_NONE && !anchor_holds(anchor))
			return false;
	}
	return true;
}

int attach_expect(struct attach *attach, const char *name, bool is_missing,
		  struct attach_interface *ret)
{
	size_t place = row_missing(attach, name);
	struct row row = {0};

	if (is_missing == (place < attach->count))
		return 0;
	if (!is_missing) {
		row_delete(attach, place);
		return 0;
	}
	if (rows_grow(attach))
		return -ENOMEM;
	snprintf(row.shown.name, sizeof(row.shown.name), "%s", name);
	row_fail(&row, "interface", -ENODEV);
	row_put(attach, place, &row);
	*ret = row.shown;
	return 1;
}

/* ---- what earlier agents have left ---- */

void attach_clear(const struct attach *attach, uint32_t ifindex)
{
	for (int hook = HOOKS - 1; hook >= 0; hook--)
		clear_hook(attach, ifindex, hook);
}

static void sweep_link(const struct pin_folder *pins, uint32_t ifindex, enum hook hook,
		       void *user)
{
	const struct attach *attach = user;
	size_t place = row_at(attach, ifindex);

	if (place == attach->count || attach->rows[place].anchors[hook].mode != ATTACH_TCX)
		tcx_remove_leftover(pins, ifindex, hook);
}

void attach_sweep(const struct attach *attach)
{
	if (attach->options.pins)
		pin_folder_each(attach->options.pins, sweep_link, (void *)attach);
}

/* ---- readers ---- */

/* The lock does not change what the caller sees of a const object. */
static pthread_mutex_t *lock_of(const struct attach *attach)
{
	return (pthread_mutex_t *)&attach->lock;
}

bool attach_find(const struct attach *attach, uint32_t ifindex, struct attach_interface *ret)
{
	size_t place;
	bool found;

	pthread_mutex_lock(lock_of(attach));
	place = row_at(attach, ifindex);
	found = place < attach->count;
	if (found)
		*ret = attach->rows[place].shown;
	pthread_mutex_unlock(lock_of(attach));
	return found;
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
