/* SPDX-License-Identifier: Apache-2.0 */
#include "core/registry.h"

__asm__(".section .rodata\n"
	".global registry_json\n"
	"registry_json:\n"
	".incbin \"" REGISTRY_FILE "\"\n"
	".global registry_json_end\n"
	"registry_json_end:\n"
	".byte 0\n"
	".previous\n");

extern const char registry_json[], registry_json_end[];

int registry_builtin(struct registry **ret)
{
	return registry_parse(registry_json, (size_t)(registry_json_end - registry_json), ret,
			      NULL);
}
