/* SPDX-License-Identifier: Apache-2.0 */
/*
 * previous_agent PIN_DIR INTERFACE: an agent with the layout of maps before the present one.
 * Marks fd00::2, and with another label the prefix around it, hangs on the interface and
 * goes; all stays in force.
 */
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>

#include "datapath/attach.h"
#include "datapath/pin_folder.h"
#include "node.h"

static int mark_insert(struct datapath *datapath)
{
	static const struct match host = {
		.kind = MARK_HOST, .prefix_length = 128, .destination = {0xfd, [15] = 2}};
	static const struct match network = {
		.kind = MARK_NETWORK, .prefix_length = 64, .destination = {0xfd}};
	struct datapath_change changes[] = {
		{.verb = DATAPATH_INSERT,
		 .match = &host,
		 .action = {.label = MARK_LABEL_RAW, .flow_label = NODE_LABEL}},
		{.verb = DATAPATH_INSERT,
		 .match = &network,
		 .action = {.label = MARK_LABEL_RAW, .flow_label = NODE_LABEL + 1}},
	};

	return datapath_apply(datapath, changes, 2);
}

static int fail(const char *what)
{
	fprintf(stderr, "previous_agent: %s\n", what);
	return EXIT_FAILURE;
}

int main(int argc, char *argv[])
{
	struct datapath_options options = {.marks = 8, .networks = 8};
	struct attach_options hang = {.mode = ATTACH_NONE};
	struct device device = {.type = ARPHRD_ETHER};
	char error[PIN_FOLDER_ERROR_MAX] = "";
	struct datapath *datapath;
	struct pin_folder *pins;
	struct attach *attach;

	if (argc != 3)
		return fail("PIN_DIR INTERFACE");
	options.pin_dir = argv[1];
	snprintf(device.name, sizeof(device.name), "%s", argv[2]);
	device.ifindex = if_nametoindex(device.name);
	if (pin_folder_open(argv[1], &pins, error))
		return fail(error);
	if (datapath_open(&options, &datapath) || mark_insert(datapath))
		return fail(datapath_last_message());
	hang.pins = pins;
	if (attach_new(datapath, &hang, &attach) || attach_add(attach, &device))
		return fail("cannot attach");
	attach_free(attach, false);
	datapath_close(datapath);
	pin_folder_close(pins);
	return EXIT_SUCCESS;
}
