/* SPDX-License-Identifier: Apache-2.0 */
#include "core/registry.h"

__asm__(".section .rodata\n"
	".balign 4\n"
	".global registry_json_size\n"
	"registry_json_size:\n"
	".long 1f - registry_json\n"
	".global registry_json\n"
	"registry_json:\n"
	".incbin \"" REGISTRY_FILE "\"\n"
	"1:\n"
	".previous\n");

extern const char registry_json[];
extern const uint32_t registry_json_size;

int registry_builtin(struct registry **ret)
{
	return registry_parse(registry_json, registry_json_size, ret, NULL);
}
