/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host in namespaces of its own: the veth pair wm0 - wm1, with fd00::2 behind wm0, and a BPF
 * file system; and a datapath that marks everything with NODE_LABEL.
 */
#ifndef WAYMARK_NODE_H
#define WAYMARK_NODE_H

#include <stdbool.h>
#include <stdint.h>

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

/* Programs that hang by tcx. */
uint32_t node_tcx_programs(const char *interface, enum hook hook);

/* A tun device; returns its descriptor. */
int node_tun(const char *name);

/* Label of a packet to fd00::2, as it arrives at wm1. */
uint32_t node_label(void);

#endif
