/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host in namespaces of its own: the veth pair wm0 - wm1, with fd00::2 behind wm0, and a BPF
 * file system; and a datapath that marks everything with NODE_LABEL.
 */
#ifndef WAYMARK_NODE_H
#define WAYMARK_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/attach.h"
#include "datapath/device.h"
#include "datapath/hook.h"

#define NODE_LABEL 0x54321u
#define NODE_PIN_DIR "/sys/fs/bpf/waymark"

struct datapath;

/* 0 or -1. */
int node_make(struct datapath **ret);

/* A datapath like that of node_make(), with maps of its own, that writes this label. */
int node_datapath(uint32_t label, struct datapath **ret);

/* Fails the test unless the command succeeds. */
__attribute__((format(printf, 1, 2))) void node_run(const char *format, ...);

/* Does it succeed? Says nothing. */
bool node_try(const char *command);

/* What a command prints; valid until the next call. */
__attribute__((format(printf, 1, 2))) const char *node_shown(const char *format, ...);

/* An interface as rtnetlink would describe it; one that is not there has number 0. */
struct device node_device(const char *name);

bool node_has_clsact(const char *interface);
bool node_has_filter(const char *interface, enum hook hook, const char *program);

/* From kernel 6.6 on. */
bool node_has_tcx(void);

/* Skips the test, visibly, where the kernel has no such way to attach. */
void node_needs(enum attach_mode mode);

/* Programs that hang by tcx: none, where there is none. */
uint32_t node_tcx_programs(const char *interface, enum hook hook);

/* Does a program of ours hang there, in the way that this kernel prefers? */
bool node_is_attached(const char *interface, enum hook hook);

/* A test that is the same by tcx and by clsact: its *state is the enum attach_mode. */
#define NODE_TEST_BY_TCX(function, setup, teardown)                                 \
	{                                                                           \
#function "_by_tcx", function, setup, teardown, &(enum attach_mode) \
		{                                                                   \
			ATTACH_TCX                                                  \
		}                                                                   \
	}
#define NODE_TEST_BY_CLSACT(function, setup, teardown)                                 \
	{                                                                              \
#function "_by_clsact", function, setup, teardown, &(enum attach_mode) \
		{                                                                      \
			ATTACH_CLSACT                                                  \
		}                                                                      \
	}

/* A tun device; returns its descriptor. */
int node_tun(const char *name);

/* Label of a packet to fd00::2, as it arrives at wm1. */
uint32_t node_label(void);

#endif
