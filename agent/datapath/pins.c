/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/pins.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <marker.skel.h>

#include "bpf/abi.h"
#include "cleanup.h"
#include "datapath/message.h"
#include "failpoint.h"

/* As many as the present layout has, the first of pins_names. */
#define PINS 10

/* In the order of pinning. */
const char *const pins_names[] = {
	"matches", "networks", "marks", "leases", "filter", "observed_traffic", "known_pairs",
	"common", "stages", "control",
	/* before version 5 */
	"mark_traffic", "sent_traffic", "interfaces", "writers", NULL};

#define CONTROL pins_names[PINS - 1]

enum { PRESENT, NEW, OLD }; /* and so on */

const char *const pins_folders[] = {
	[PRESENT] = "maps",
	[NEW] = "maps-new",
	[OLD] = "maps-old-1",
	"maps-old-2",
	"maps-old-3",
	"maps-old-4",
	"maps-old-5",
	"maps-old-6",
	"maps-old-7",
	"maps-old-8",
	NULL,
};

_Static_assert(sizeof(pins_folders) / sizeof(*pins_folders) == OLD + PINS_OLD_MAX + 1,
	       "each old set has a name");

struct pins {
	struct bpf_map *maps[PINS];
	struct pins_path folder;
};

static struct pins_path path_of(const char *folder, const char *name)
{
	struct pins_path path;

	snprintf(path.text, sizeof(path.text), "%s/%s", folder, name);
	return path;
}

struct pins_path pins_folder(const char *dir)
{
	return path_of(dir, pins_folders[PRESENT]);
}

static struct pins_path new_folder(const char *dir)
{
	return path_of(dir, pins_folders[NEW]);
}

struct pins_path pins_old_folder(const char *dir, unsigned number)
{
	return path_of(dir, pins_folders[OLD + number - 1]);
}

static struct pins pins_of(const struct marker *programs, struct pins_path folder)
{
	return (struct pins){
		.maps = {programs->maps.matches, programs->maps.networks, programs->maps.marks,
			 programs->maps.leases, programs->maps.filter,
			 programs->maps.observed_traffic, programs->maps.known_pairs,
			 programs->maps.bss, programs->maps.stages, programs->maps.control},
		.folder = folder,
	};
}

static struct pins_path pin_of(const struct pins *pins, int i)
{
	return path_of(pins->folder.text, pins_names[i]);
}

static int fail(int error, const char *what, const char *path)
{
	message_say("cannot %s %s: %s\n", what, path, strerror(-error));
	return error;
}

/* ---- folders ---- */

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

static int folder_rename(const struct pins_path *from, const struct pins_path *to)
{
	return rename(from->text, to->text) ? fail(-errno, "rename", from->text) : 0;
}

static bool is_there(const struct pins_path *path)
{
	return access(path->text, F_OK) == 0;
}

/* 1, 0 or negative errno. */
static int is_complete(const struct pins_path *folder)
{
	struct pins_path control = path_of(folder->text, CONTROL);

	if (is_there(&control))
		return 1;
	return errno == ENOENT ? 0 : fail(-errno, "look at", control.text);
}

/* ---- sets ---- */

static int pin_remove(const struct pins *pins, int i)
{
	struct pins_path path = pin_of(pins, i);

	return unlink(path.text) && errno != ENOENT ? fail(-errno, "remove", path.text) : 0;
}

/* Backwards: control goes first. What else somebody may have put there stays. */
static int set_remove(const struct pins *pins)
{
	int error = 0;

	for (int i = PINS - 1; i >= 0 && !error; i--)
		error = pin_remove(pins, i);
	for (int i = PINS; pins_names[i] && !error; i++)
		error = pin_remove(pins, i);
	if (error)
		return error;
	if (rmdir(pins->folder.text) && errno != ENOENT)
		return fail(-errno, "remove", pins->folder.text);
	return 0;
}

static int set_make(const struct pins *pins)
{
	int error = folder_make(pins->folder.text);

	for (int i = 0; i < PINS && !error; i++) {
		struct pins_path path = pin_of(pins, i);

		FAILPOINT("while-pinning");
		error = bpf_obj_pin(bpf_map__fd(pins->maps[i]), path.text);
		if (error)
			fail(error, "pin", path.text);
	}
	if (error)
		(void)set_remove(pins);
	return error;
}

/* Was somebody killed between the two renames of pins_replace(), or while he made a set? */
static int sets_recover(const struct marker *programs, const char *dir, bool *ret_complete)
{
	const struct pins present = pins_of(programs, pins_folder(dir));
	const struct pins new = pins_of(programs, new_folder(dir));
	int complete = is_complete(&present.folder), renewed, error;

	if (complete)
		*ret_complete = true;
	if (complete)
		return complete < 0 ? complete : set_remove(&new);
	renewed = is_complete(&new.folder);
	if (renewed < 0)
		return renewed;
	error = set_remove(&present);
	if (!error)
		error = renewed ? folder_rename(&new.folder, &present.folder)
				: set_remove(&new);
	*ret_complete = renewed;
	return error;
}

/* ---- does it fit? ---- */

static int pin_open(const struct pins *pins, int i)
{
	struct pins_path path = pin_of(pins, i);
	int fd = bpf_obj_get(path.text);

	if (fd == -ENOENT) {
		message_say("%s is missing\n", path.text);
		return -EPROTO;
	}
	return fd < 0 ? fail(fd, "open", path.text) : fd;
}

static int version_read(const struct pins *pins, uint64_t *ret)
{
	cleanup(close_fd) int control = pin_open(pins, PINS - 1);
	const uint32_t index = CONTROL_VERSION;
	uint64_t version = 1; /* that one did not say it */
	int error;

	if (control < 0)
		return control;
	error = bpf_map_lookup_elem(control, &index, &version);
	if (error && error != -ENOENT)
		return fail(error, "read control in", pins->folder.text);
	*ret = version;
	return 0;
}

static int version_check(const struct pins *pins, uint64_t version)
{
	const char *age = version > ABI_VERSION ? "newer" : "much older";

	if (version <= ABI_VERSION && version >= ABI_VERSION_OLDEST)
		return 0;
	message_say("the maps in %s have layout %lu, of a %s agent: this one knows %u to %u. "
		    "Start an agent that knows both, or take them off: waymarkd --clean\n",
		    pins->folder.text, (unsigned long)version, age, ABI_VERSION_OLDEST,
		    ABI_VERSION);
	return -EPROTO;
}

static bool is_alike(const struct bpf_map *map, const struct bpf_map_info *info)
{
	return info->type == bpf_map__type(map) && info->key_size == bpf_map__key_size(map) &&
	       info->value_size == bpf_map__value_size(map) &&
	       info->map_flags == bpf_map__map_flags(map) &&
	       info->max_entries == bpf_map__max_entries(map);
}

/* A map of another size clears *fits. */
static int pin_check(const struct pins *pins, int i, bool *fits)
{
	cleanup(close_fd) int fd = pin_open(pins, i);
	struct bpf_map_info info = {0};
	uint32_t length = sizeof(info);
	int error;

	if (fd < 0)
		return fd;
	error = bpf_obj_get_info_by_fd(fd, &info, &length);
	if (error)
		return fail(error, "look at", pins_names[i]);
	*fits = *fits && is_alike(pins->maps[i], &info);
	return 0;
}

static int set_check(const struct pins *pins, bool *ret_fits)
{
	uint64_t version = 0;
	bool fits = true;
	int error = version_read(pins, &version);

	if (!error)
		error = version_check(pins, version);
	if (error || version != ABI_VERSION)
		return error;
	for (int i = 0; i < PINS && !error; i++)
		error = pin_check(pins, i, &fits);
	*ret_fits = fits;
	return error;
}

static int set_reuse(const struct pins *pins)
{
	int error = 0;

	for (int i = 0; i < PINS && !error; i++) {
		cleanup(close_fd) int fd = pin_open(pins, i);

		error = fd < 0 ? fd : bpf_map__reuse_fd(pins->maps[i], fd);
	}
	return error;
}

int pins_find(const struct marker *programs, const char *dir, enum pins_found *ret)
{
	struct pins pins = pins_of(programs, pins_folder(dir));
	bool is_complete = false, fits = false;
	int error = folder_make(dir);

	if (!error)
		error = folder_check(dir);
	if (!error)
		error = sets_recover(programs, dir, &is_complete);
	if (!error && is_complete)
		error = set_check(&pins, &fits);
	if (!error && fits)
		error = set_reuse(&pins);
	if (error)
		return error;
	*ret = fits ? PINS_FIT : is_complete ? PINS_OTHER : PINS_NONE;
	return 0;
}

int pins_make(const struct marker *programs, const char *dir)
{
	struct pins pins = pins_of(programs, pins_folder(dir));

	return set_make(&pins);
}

/* ---- replacing ---- */

/* A number that no old set has. */
static int old_number(const char *dir, unsigned *ret)
{
	for (unsigned i = 1; i <= PINS_OLD_MAX; i++) {
		struct pins_path folder = pins_old_folder(dir, i);

		if (is_there(&folder))
			continue;
		*ret = i;
		return 0;
	}
	message_say("%s holds %u replaced sets of maps\n", dir, PINS_OLD_MAX);
	return -EBUSY;
}

int pins_replace(const struct marker *programs, const char *dir, unsigned *ret_old)
{
	const struct pins_path present = pins_folder(dir);
	const struct pins new = pins_of(programs, new_folder(dir));
	struct pins_path old;
	unsigned number;
	int error = old_number(dir, &number);

	if (!error)
		error = set_make(&new);
	if (error)
		return error;
	old = pins_old_folder(dir, number);
	FAILPOINT("while-migrating");
	error = folder_rename(&present, &old);
	FAILPOINT("while-migrating");
	if (!error)
		error = folder_rename(&new.folder, &present);
	if (!error)
		*ret_old = number;
	return error;
}

unsigned pins_old_list(const char *dir, unsigned numbers[static PINS_OLD_MAX])
{
	unsigned n = 0;

	for (unsigned i = 1; i <= PINS_OLD_MAX; i++) {
		struct pins_path folder = pins_old_folder(dir, i);

		if (is_there(&folder))
			numbers[n++] = i;
	}
	return n;
}

int pins_old_drop(const struct marker *programs, const char *dir, unsigned number)
{
	struct pins pins = pins_of(programs, pins_old_folder(dir, number));

	return set_remove(&pins);
}
