/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that administrators write: configuration, policy, registry, by the first octet. What is
 * refused must say why, in one line that names the file.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/registry.h"
#include "ops/config.h"
#include "ops/registry_file.h"
#include "service/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void check_error(const char *path, const char *error)
{
	require(strstr(error, path) && !strchr(error, '\n'));
}

static void read_config(const char *path)
{
	char error[CONFIG_ERROR_MAX] = "";
	struct config config;

	config_init(&config);
	if (config_load(&config, path, error) < 0)
		check_error(path, error);
	else
		require(config_complete(&config, error) == 0 || error[0]);
	config_done(&config);
}

static void read_policy(const char *path)
{
	static struct registry *registry;
	char error[POLICY_ERROR_MAX] = "";
	struct policy *policy = NULL;

	if (!registry)
		require(!registry_builtin(&registry));
	if (policy_load(path, registry, &policy, error) < 0)
		check_error(path, error);
	policy_free(policy);
}

static void read_registry(const char *path)
{
	struct registry *registry = NULL;
	struct fault fault;

	if (registry_load(path, &registry, &fault) < 0)
		check_error(path, fault.message);
	registry_free(registry);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(const char *) = {read_config, read_policy,
							read_registry};
	static int file = -1;
	char path[32];

	if (size < 1)
		return 0;
	if (file < 0)
		file = memfd_create("fuzz", MFD_CLOEXEC);
	require(file >= 0 && ftruncate(file, 0) == 0 &&
		pwrite(file, data + 1, size - 1, 0) == (ssize_t)size - 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	readers[data[0] % 3](path);
	return 0;
}
