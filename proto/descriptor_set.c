/* SPDX-License-Identifier: Apache-2.0 */
#include "descriptor_set.h"

__asm__(".section .rodata\n"
	".global descriptor_set\n"
	"descriptor_set:\n"
	".incbin \"" DESCRIPTOR_SET_FILE "\"\n"
	".global descriptor_set_end\n"
	"descriptor_set_end:\n"
	".byte 0\n"
	".previous\n");
