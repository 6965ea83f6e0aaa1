/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends a packet and prints the flow label that it arrives with, as `waymark` prints labels:
 * packet_label DESTINATION INTERFACE
 */
#include <stdio.h>

#include "probe.h"

int main(int argc, char *argv[])
{
	if (argc != 3) {
		fputs("usage: packet_label DESTINATION INTERFACE\n", stderr);
		return 2;
	}
	printf("0x%05x\n", probe_label(argv[1], argv[2]));
	return 0;
}
