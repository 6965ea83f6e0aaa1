/* SPDX-License-Identifier: Apache-2.0 */
/* The BPF program for user space: shim/ comes first among the folders of headers. */
#include "bpf/marker.bpf.c"
