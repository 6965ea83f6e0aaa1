/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/links.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "datapath/link_feed.h"

struct link {
	struct stack_device now; /* as the kernel says */
	struct device hung; /* as attach_add() got it; ifindex 0: not */
	int error; /* of attach_add() */
	bool is_listed; /* the running dump has it */
	bool is_news; /* the kernel has said something of it */
	bool is_gone; /* the kernel knew it no more when we came */
};

struct links {
	struct links_options options;
	struct link_feed feed;
	struct link *items; /* ascending by number */
	size_t n;
	bool must_verify, is_swept;
};

DEFINE_CLEANUP(close_links, struct links *, links_close)

/* ---- the table ---- */

/* Where the device with this number is, or belongs. */
static size_t place_of(const struct links *links, uint32_t ifindex)
{
	size_t low = 0, high = links->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (links->items[middle].now.device.ifindex < ifindex)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct links *links, size_t place, uint32_t ifindex)
{
	return place < links->n && links->items[place].now.device.ifindex == ifindex;
}

static int link_insert(struct links *links, size_t place)
{
	struct link *items = reallocarray(links->items, links->n + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	links->items = items;
	memmove(&items[place + 1], &items[place], (links->n - place) * sizeof(*items));
	items[place] = (struct link){0};
	links->n++;
	return 0;
}

static int link_update(struct links *links, const struct stack_device *device)
{
	size_t place = place_of(links, device->device.ifindex);
	struct link *link;

	if (!is_at(links, place, device->device.ifindex) && link_insert(links, place))
		return -ENOMEM;
	link = &links->items[place];
	link->now = *device;
	link->is_listed = true;
	link->is_news = true;
	return 0;
}

/* ---- hanging ---- */

static void report(const struct links *links, enum links_event event,
		   const struct attach_interface *interface)
{
	links->options.report(event, interface, links->options.user);
}

static void link_detach(const struct links *links, struct link *link)
{
	struct attach_interface interface = {.mode = ATTACH_NONE};

	if (!link->hung.ifindex)
		return;
	attach_find(links->options.attach, link->hung.ifindex, &interface);
	attach_remove(links->options.attach, link->hung.ifindex);
	if (interface.mode != ATTACH_NONE)
		report(links, LINKS_DETACHED, &interface);
	link->hung = (struct device){.ifindex = 0};
	link->error = 0;
}

static void link_attach(const struct links *links, struct link *link)
{
	struct attach_interface interface = {.mode = ATTACH_NONE};
	int error = attach_add(links->options.attach, &link->now.device);

	link->is_gone = error == -ENODEV;
	if (link->is_gone)
		attach_remove(links->options.attach, link->now.device.ifindex);
	if (link->is_gone || error == -ENOMEM)
		return;
	link->hung = link->now.device;
	attach_find(links->options.attach, link->hung.ifindex, &interface);
	if (interface.mode != ATTACH_NONE)
		report(links, LINKS_ATTACHED, &interface);
	if (error && error != link->error)
		report(links, LINKS_FAILED, &interface);
	link->error = error;
}

static void link_remove(struct links *links, uint32_t ifindex)
{
	size_t place = place_of(links, ifindex);

	if (!is_at(links, place, ifindex))
		return;
	link_detach(links, &links->items[place]);
	links->n--;
	memmove(&links->items[place], &links->items[place + 1],
		(links->n - place) * sizeof(*links->items));
}

static bool is_marking(const struct links *links, uint32_t ifindex)
{
	struct attach_interface interface;

	return attach_find(links->options.attach, ifindex, &interface) &&
	       interface.mode != ATTACH_NONE;
}

/* A wanted link that has been tried before. */
static void link_follow(const struct links *links, struct link *link)
{
	const struct device *now = &link->now.device;

	if (now->type != link->hung.type ||
	    (links->must_verify && is_marking(links, now->ifindex) &&
	     !attach_holds(links->options.attach, now->ifindex)))
		link_detach(links, link);
	if (!link->hung.ifindex || (link->is_news && !is_marking(links, now->ifindex))) {
		link_attach(links, link);
		return;
	}
	if (strcmp(now->name, link->hung.name) != 0)
		attach_rename(links->options.attach, now->ifindex, now->name);
	link->hung = *now;
}

/* ---- settling: from what is there to what hangs ---- */

static int choose(const struct links *links, enum stack_choice ret[])
{
	cleanup(free_bytes) struct stack_device *devices =
		calloc(links->n + 1, sizeof(*devices));

	if (!devices)
		return -ENOMEM;
	for (size_t i = 0; i < links->n; i++)
		devices[i] = links->items[i].now;
	return stack_choose(devices, links->n, &links->options.names, ret);
}

static bool is_there(const struct links *links, const char *name)
{
	for (size_t i = 0; i < links->n; i++)
		if (strcmp(links->items[i].now.device.name, name) == 0)
			return true;
	return false;
}

static int expect_name(const struct links *links, const char *name)
{
	struct attach_interface missing;
	int r = attach_expect(links->options.attach, name, !is_there(links, name), &missing);

	if (r > 0)
		report(links, LINKS_FAILED, &missing);
	return r < 0 ? r : 0;
}

static int expect_names(const struct links *links)
{
	const struct stack_names *names = &links->options.names;
	int error = 0;

	for (size_t i = 0; i < names->n && !error; i++)
		if (!stack_is_pattern(names->items[i]))
			error = expect_name(links, names->items[i]);
	return error;
}

static void remove_gone(struct links *links)
{
	for (size_t i = links->n; i-- > 0;)
		if (links->items[i].is_gone)
			link_remove(links, links->items[i].now.device.ifindex);
}

/* Once, and only when the new ones hang. */
static void sweep(struct links *links, const enum stack_choice choices[])
{
	for (size_t i = 0; i < links->n; i++)
		if (choices[i] != STACK_CHOSEN)
			attach_clear(links->options.attach, links->items[i].now.device.ifindex);
	attach_sweep(links->options.attach);
	links->is_swept = true;
}

/* What makes way goes first, so that no packet counts twice. */
static int settle(struct links *links)
{
	cleanup(free_bytes) enum stack_choice *choices = calloc(links->n + 1, sizeof(*choices));
	int error = choices ? choose(links, choices) : -ENOMEM;

	if (error)
		return error;
	for (size_t i = 0; i < links->n; i++)
		if (choices[i] != STACK_CHOSEN)
			link_detach(links, &links->items[i]);
	for (size_t i = 0; i < links->n; i++) {
		if (choices[i] == STACK_CHOSEN)
			link_follow(links, &links->items[i]);
		links->items[i].is_news = false;
	}
	links->must_verify = false;
	if (!links->is_swept)
		sweep(links, choices);
	remove_gone(links);
	return expect_names(links);
}

/* ---- listening ---- */

static void listed_forget(struct links *links)
{
	for (size_t i = 0; i < links->n; i++)
		links->items[i].is_listed = false;
}

/* A device that went and came back meanwhile may have the number that it had. */
static void listed_settle(struct links *links)
{
	for (size_t i = links->n; i-- > 0;)
		if (!links->items[i].is_listed)
			link_remove(links, links->items[i].now.device.ifindex);
	links->must_verify = true;
}

static int take_event(enum link_feed_event event, const struct stack_device *device, void *user)
{
	struct links *links = user;

	switch (event) {
	case LINK_FEED_DUMP:
		listed_forget(links);
		break;
	case LINK_FEED_DUMPED:
		listed_settle(links);
		break;
	case LINK_FEED_DEVICE:
		return link_update(links, device);
	case LINK_FEED_GONE:
		link_remove(links, device->device.ifindex);
		break;
	}
	return 0;
}

int links_read(struct links *links)
{
	int error = link_feed_read(&links->feed);

	return error || link_feed_is_dumping(&links->feed) ? error : settle(links);
}

int links_fd(const struct links *links)
{
	return link_feed_fd(&links->feed);
}

int links_want(struct links *links, const struct stack_names *names)
{
	const struct stack_names *before = &links->options.names;
	struct attach_interface row;

	for (size_t i = 0; i < before->n; i++)
		if (!stack_is_pattern(before->items[i]))
			attach_expect(links->options.attach, before->items[i], false, &row);
	links->options.names = *names;
	/* A dump that is running ends with settling. */
	return link_feed_is_dumping(&links->feed) ? 0 : settle(links);
}

/* Until the first dump has come and its interfaces have been seen to. */
static int take_all(struct links *links)
{
	struct pollfd ready = {.fd = links_fd(links), .events = POLLIN};
	int error = links_read(links);

	while (!error && !links->is_swept) {
		if (poll(&ready, 1, -1) < 0 && errno != EINTR)
			return -errno;
		error = links_read(links);
	}
	return error;
}

int links_open(const struct links_options *options, struct links **ret)
{
	cleanup(close_links) struct links *links = calloc(1, sizeof(*links));
	int error;

	if (!links)
		return -ENOMEM;
	links->options = *options;
	error = link_feed_open(&links->feed, options->receive_buffer, take_event, links);
	if (!error)
		error = take_all(links);
	if (!error)
		*ret = take(links);
	return error;
}

void links_close(struct links *links)
{
	if (!links)
		return;
	link_feed_close(&links->feed);
	free(links->items);
	free(links);
}
