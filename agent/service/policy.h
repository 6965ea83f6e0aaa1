/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what: the rules of the policy file, api.md 31 to 33. Never changes once it is
 * read, so any thread may ask it.
 */
#ifndef WAYMARK_POLICY_H
#define WAYMARK_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/engine.h"
#include "core/fault.h"
#include "rpc/peer.h"

struct registry;

enum access_role { ACCESS_NONE, ACCESS_VIEWER, ACCESS_WRITER, ACCESS_ADMIN };

struct policy_prefix {
	uint8_t address[16];
	uint8_t length;
};

/* One rule. What limits a writer is open for admins. */
struct policy_rule {
	size_t line; /* in the file */
	char *identity; /* pattern of typed identities; `*` does not cross `/` */
	enum access_role role;
	char *owner; /* whose marks they are; NULL: the identity's own */
	bool limits_experiments;
	uint64_t experiments[8]; /* a bit for each id, if limited */
	struct policy_prefix *destinations; /* a mark lies within one of them */
	size_t n_destinations; /* 0: anywhere */
	uint64_t dscp; /* a bit for each code point that may be written */
	bool raw_labels;
	int64_t max_ttl; /* ns; 0: no limit, and marks may live for ever */
	uint64_t quota; /* marks; 0: no limit */
};

struct policy {
	struct policy_rule *rules;
	size_t n_rules;
	char **denied; /* patterns of identities, or "sha256:HEX" of certificates */
	size_t n_denied;
};

#define POLICY_ERROR_MAX 512

/* Reads a file; names of experiments are those of the registry, which is not needed afterwards.
 * 0; negative errno with `error` ("file:line: what is wrong"). *ret is untouched on failure. */
int policy_load(const char *path, const struct registry *registry, struct policy **ret,
		char error[static POLICY_ERROR_MAX]);

/* What holds where there is no file: root on the unix socket, and whoever reaches the plaintext
 * listener on loopback that an administrator has opened, are admin; nobody else has access. 0
 * or -ENOMEM. */
int policy_builtin(struct policy **ret);

void policy_free(struct policy *policy);

/* The rule of this peer, the first that matches; NULL: no access. */
const struct policy_rule *policy_find(const struct policy *policy, const struct rpc_peer *peer);

/* May a mark be set under this rule? 0, or -EINVAL with PERMISSION_DENIED / POLICY, whose field
 * is relative to the mark. */
int policy_check_mark(const struct policy_rule *rule, const struct engine_update *update,
		      struct fault *fault);

/* May a lease of this length (ns) be granted? Likewise; the field is "ttl". */
int policy_check_ttl(const struct policy_rule *rule, int64_t ttl, struct fault *fault);

#endif
