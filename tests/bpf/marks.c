/* SPDX-License-Identifier: Apache-2.0 */
#include "marks.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "check.h"
#include "frame.h"
#include "lab.h"

struct datapath *marks_open(uint32_t marks, uint32_t networks)
{
	const struct datapath_options options = {.marks = marks, .networks = networks};
	struct datapath *datapath = NULL;

	if (datapath_open(&options, &datapath))
		fail_msg("%s", datapath_last_message());
	assert_int_equal(datapath_start_helper(datapath), 0);
	return datapath;
}

static struct ends ends_to(uint32_t host)
{
	struct ends ends = ends_of("2001:db8::1", "2001:db8:1::");

	host = htonl(host);
	memcpy(ends.destination + 12, &host, sizeof(host));
	return ends;
}

uint32_t marks_label(int program, uint32_t host)
{
	struct ends ends = ends_to(host);
	struct frame frame = frame_plain(&ends, IPPROTO_UDP);
	struct outcome outcome = lab_run(program, &frame, NULL);

	assert_int_equal(outcome.verdict, -1);
	return frame_label(&outcome.frame);
}

struct match marks_match(enum mark_kind kind, uint32_t host)
{
	struct ends ends = ends_to(host);
	struct match match = {.kind = (uint8_t)kind, .prefix_length = 128};

	memcpy(match.destination, ends.destination, 16);
	switch (kind) {
	case MARK_FLOW:
		memcpy(match.source, ends.source, 16);
		match.source_port = 4000;
		__attribute__((fallthrough));
	case MARK_ENDPOINT:
		match.destination_port = 5000;
		match.protocol = IPPROTO_UDP;
		break;
	case MARK_HOST:
		break;
	case MARK_NETWORK:
		match.prefix_length = 125;
		match.destination[15] &= 0xF8;
	}
	return match;
}

struct mark_action marks_raw(uint32_t label)
{
	return (struct mark_action){.label = MARK_LABEL_RAW, .flow_label = label};
}

struct datapath_change marks_insert(const struct match *match, uint32_t label)
{
	return (struct datapath_change){
		.verb = DATAPATH_INSERT, .match = match, .action = marks_raw(label)};
}

struct datapath_change marks_remove(const struct match *match, uint32_t slot)
{
	return (struct datapath_change){.verb = DATAPATH_REMOVE, .match = match, .slot = slot};
}

uint32_t marks_add(struct datapath *datapath, const struct match *match, uint32_t label,
		   uint32_t lease)
{
	struct datapath_change change = marks_insert(match, label);

	change.lease = lease;
	assert_int_equal(datapath_apply(datapath, &change, 1), 0);
	return change.slot;
}

const char *marks_bpffs(void)
{
	static char dir[] = "/tmp/waymark-bpffs-XXXXXX";

	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	/* Another tmpfs hides what is in /tmp and goes with the namespace. */
	assert_int_equal(mount("tmp", "/tmp", "tmpfs", 0, NULL), 0);
	assert_non_null(mkdtemp(dir));
	assert_int_equal(mount("bpf", dir, "bpf", 0, NULL), 0);
	return dir;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	(void)type;
	(void)where;
	return remove(path);
}

int marks_unpin(const char *pin_dir)
{
	return nftw(pin_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
