/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/pins.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <marker.skel.h>

#include "bpf/abi.h"
#include "cleanup.h"
#include "datapath/message.h"

#define PINS 12

struct pins {
	struct bpf_map *maps[PINS];
	const char *dir;
};

static struct pins pins_of(const struct marker *programs, const char *dir)
{
	return (struct pins){
		.maps = {programs->maps.matches, programs->maps.networks, programs->maps.marks,
			 programs->maps.leases, programs->maps.filter,
			 programs->maps.mark_traffic, programs->maps.sent_traffic,
			 programs->maps.observed_traffic, programs->maps.known_pairs,
			 programs->maps.interfaces, programs->maps.writers,
			 programs->maps.control},
		.dir = dir,
	};
}

static const struct bpf_map *control_of(const struct pins *pins)
{
	return pins->maps[PINS - 1];
}

struct path {
	char text[PATH_MAX];
};

static struct path path_of(const struct pins *pins, const struct bpf_map *map)
{
	struct path path;

	snprintf(path.text, sizeof(path.text), "%s/maps/%s", pins->dir, bpf_map__name(map));
	return path;
}

static int fail(int error, const char *what, const char *path)
{
	message_say("cannot %s %s: %s\n", what, path, strerror(-error));
	return error;
}

static int folder_make(const char *path)
{
	if (mkdir(path, 0700) && errno != EEXIST)
		return fail(-errno, "make the folder", path);
	return 0;
}

/* On any other file system pins fail with words that help nobody. */
static int folder_check(const char *path)
{
	struct statfs system;

	if (statfs(path, &system))
		return fail(-errno, "look at", path);
	if (system.f_type == BPF_FS_MAGIC)
		return 0;
	message_say("%s is not on a BPF file system (mount -t bpf)\n", path);
	return -ENODEV;
}

static int folders_make(const char *dir)
{
	char maps[PATH_MAX];
	int length = snprintf(maps, sizeof(maps), "%s/maps", dir), error;

	if (length + NAME_MAX >= PATH_MAX)
		return -ENAMETOOLONG;
	error = folder_make(dir);
	if (!error)
		error = folder_check(dir);
	return error ? error : folder_make(maps);
}

/* Backwards: control goes first. */
static int pins_remove(const struct pins *pins)
{
	for (int i = PINS - 1; i >= 0; i--) {
		struct path path = path_of(pins, pins->maps[i]);

		if (unlink(path.text) && errno != ENOENT)
			return fail(-errno, "remove", path.text);
	}
	return 0;
}

static int version_check(const struct pins *pins, int control)
{
	const uint32_t index = CONTROL_VERSION;
	uint64_t version = 1; /* that one did not say it */
	int error = bpf_map_lookup_elem(control, &index, &version);

	if (error && error != -ENOENT)
		return fail(error, "read control in", pins->dir);
	if (!error && version == ABI_VERSION)
		return 0;
	message_say("the maps pinned in %s have layout %lu, these programs need %u\n",
		    pins->dir, (unsigned long)version, ABI_VERSION);
	return -EPROTO;
}

static int size_check(const struct bpf_map *map, int fd, const char *path)
{
	struct bpf_map_info info = {0};
	uint32_t length = sizeof(info);
	int error = bpf_obj_get_info_by_fd(fd, &info, &length);

	if (error)
		return fail(error, "look at", path);
	if (info.type == bpf_map__type(map) && info.key_size == bpf_map__key_size(map) &&
	    info.value_size == bpf_map__value_size(map) &&
	    info.map_flags == bpf_map__map_flags(map) &&
	    info.max_entries == bpf_map__max_entries(map))
		return 0;
	message_say("%s has %u entries of %u octets, not %u of %u\n", path, info.max_entries,
		    info.value_size, bpf_map__max_entries(map), bpf_map__value_size(map));
	return -EPROTO;
}

static int map_reuse(const struct pins *pins, struct bpf_map *map)
{
	struct path path = path_of(pins, map);
	cleanup(close_fd) int fd = bpf_obj_get(path.text);
	int error = 0;

	if (fd == -ENOENT) {
		message_say("%s is missing\n", path.text);
		return -EPROTO;
	}
	if (fd < 0)
		return fail(fd, "open", path.text);
	if (map == control_of(pins))
		error = version_check(pins, fd);
	if (!error)
		error = size_check(map, fd, path.text);
	return error ? error : bpf_map__reuse_fd(map, fd);
}

int pins_reuse(const struct marker *programs, const char *dir, bool *ret)
{
	struct pins pins = pins_of(programs, dir);
	struct path control = path_of(&pins, control_of(&pins));
	int error = folders_make(dir);

	if (error)
		return error;
	if (access(control.text, F_OK)) {
		if (errno != ENOENT)
			return fail(-errno, "look at", control.text);
		*ret = false;
		return pins_remove(&pins);
	}
	for (int i = PINS - 1; !error && i >= 0; i--)
		error = map_reuse(&pins, pins.maps[i]);
	if (!error)
		*ret = true;
	return error;
}

int pins_make(const struct marker *programs, const char *dir)
{
	struct pins pins = pins_of(programs, dir);

	for (int i = 0; i < PINS; i++) {
		struct path path = path_of(&pins, pins.maps[i]);
		int error = bpf_obj_pin(bpf_map__fd(pins.maps[i]), path.text);

		if (error) {
			(void)pins_remove(&pins);
			return fail(error, "pin", path.text);
		}
	}
	return 0;
}
