/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real device in a network namespace of its own, with a program at its egress: what is sent
 * on it can be read back as it left. For what BPF_PROG_TEST_RUN cannot make: buffers that are
 * not linear, super-packets that the kernel then segments, frames shorter than their headers.
 */
#ifndef WAYMARK_WIRE_H
#define WAYMARK_WIRE_H

#include <linux/virtio_net.h>

#include "frame.h"

struct wire {
	int device; /* tun or tap: what leaves is read here */
	int sender; /* packet socket on it */
	int ifindex;
};

/* Moves the process to a new network namespace, once for all wires. */
void wire_namespace(void);

/* A device with (tap) or without (tun) Ethernet header, with this index and program. */
struct wire wire_open(int ifindex, bool ethernet, int program);
void wire_close(struct wire *wire);

/* Octets in the linear part of the buffer are offload->hdr_len, where the frame is longer than
 * a page; NULL: all of them. */
void wire_send(const struct wire *wire, const struct frame *frame,
	       const struct virtio_net_hdr *offload);

/* The next packet that left; fails the test if none does within two seconds. */
struct frame wire_receive(const struct wire *wire);
bool wire_is_empty(const struct wire *wire);

#endif
