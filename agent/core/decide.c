/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of one mark: every check that needs to know what is there.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/group.h"
#include "core/lifetime.h"
#include "store/store.h"

void step_account(struct group *group, const struct step *step, int sign)
{
	int64_t *room = &group->room[room_of(step->match)];

	if (step->outcome == OUTCOME_CREATED) {
		group_account(group, step->is.owner)->marks += (uint64_t)sign;
		*room -= sign;
	} else if (step->outcome == OUTCOME_REMOVED) {
		group_account(group, step->was.owner)->marks -= (uint64_t)sign;
		*room += sign;
	}
}

/* ---- the mark that is there ---- */

static void copy_text(char *to, const char *from)
{
	memcpy(to, from, strlen(from) + 1);
}

static void mark_of_setter(const struct step *step, struct mark *ret)
{
	const struct engine_update *update = step->was.setter;

	*ret = (struct mark){.match = update->match,
			     .action = update->action,
			     .lifetime = update->lifetime,
			     .lease = step->was.lease ? step->was.lease->id : 0,
			     .ttl = update->ttl,
			     .create_time = step->was.create_time};
	copy_text(ret->cookie, update->cookie);
	copy_text(ret->owner, step->was.owner->name);
}

/* 0 or negative errno. Costs a look into the store: for what the index does not have. */
static int load(const struct group *group, const struct step *step, struct mark *ret)
{
	if (!step->was.setter)
		return store_get(group->store, step->was.revision, ret);
	mark_of_setter(step, ret);
	return 0;
}

static int refuse(struct step *step, enum fault_code code, const char *reason,
		  const char *message)
{
	return fault_set(engine_update_refuse(step->update), code, reason, NULL, "%s", message);
}

static int refuse_unreadable(struct step *step)
{
	return refuse(step, FAULT_INTERNAL, FAULT_REASON_STORE,
		      "the store cannot read the mark that is there");
}

/* Copies it for the answer. 0, or -EINVAL with the update refused. */
static int show(const struct group *group, struct step *step)
{
	const struct lease *lease = step->was.lease;

	/* The first failure is the one that is answered. */
	if (!step->op->there || (step->op->all_or_nothing && step->op->failed > 0))
		return 0;
	if (load(group, step, step->op->there) < 0)
		return refuse_unreadable(step);
	step->op->there_deadline = lease ? lease->next_deadline : 0;
	return 0;
}

/* ---- checks: 0, or -EINVAL with the update refused ---- */

static int check_owner(const struct group *group, struct step *step,
		       const struct index_owner *owner)
{
	if (!step->was.exists || step->was.owner == owner)
		return 0;
	if (show(group, step) < 0)
		return -EINVAL;
	return fault_set(engine_update_refuse(step->update), FAULT_PERMISSION_DENIED,
			 FAULT_REASON_NOT_OWNER, NULL, "the mark belongs to %s, not to %s",
			 step->was.owner->name, owner->name);
}

/* The text of a revision that the group has yet to give. */
static void write_revision(const struct state *state, char text[static 24])
{
	if (!state->exists)
		snprintf(text, 24, "none");
	else if (state->setter)
		snprintf(text, 24, "a newer one");
	else
		snprintf(text, 24, "%" PRIu64, state->revision);
}

static int check_precondition(const struct group *group, struct step *step)
{
	const struct engine_update *update = step->update;
	const struct state *was = &step->was;
	char revision[24];

	if (update->must_not_exist && was->exists) {
		if (show(group, step) < 0)
			return -EINVAL;
		return fault_set(engine_update_refuse(step->update), FAULT_ALREADY_EXISTS,
				 FAULT_REASON_MARK, "precondition.must_not_exist",
				 "there is a mark with this match already");
	}
	if (update->if_revision == 0 ||
	    (was->exists && !was->setter && was->revision == update->if_revision))
		return 0;
	if (was->exists && show(group, step) < 0)
		return -EINVAL;
	write_revision(was, revision);
	return fault_set(engine_update_refuse(step->update), FAULT_ABORTED,
			 FAULT_REASON_REVISION_MISMATCH, "precondition.if_revision",
			 "if_revision is %" PRIu64 ", the mark's revision is %s",
			 update->if_revision, revision);
}

static int check_quota(struct group *group, struct step *step, struct index_owner *owner)
{
	const struct engine_op *op = step->op;
	uint64_t marks = group_account(group, owner)->marks - group->coming_removals;
	struct fault *fault;

	if (step->was.exists || op->quota == 0 || marks < op->quota)
		return 0;
	fault = engine_update_refuse(step->update);
	fault_set(fault, FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_QUOTA, NULL,
		  "%s has %" PRIu64 " marks and may have %" PRIu64, owner->name, marks,
		  op->quota);
	fault->subject = "marks of an owner";
	return -EINVAL;
}

static int check_room(struct group *group, struct step *step)
{
	if (step->was.exists || group->room[room_of(step->match)] > 0)
		return 0;
	step_refuse_full(group, step);
	return -EINVAL;
}

/* ---- decisions: 0, or -EINVAL with the update refused ---- */

static bool same_lifetime(const struct step *step)
{
	const struct engine_update *update = step->update;
	const struct lease *lease = step->was.lease;

	switch (update->lifetime) {
	case MARK_TTL:
		return lease && !lease->is_shared &&
		       update->ttl == (step->was.setter ? step->was.setter->ttl : lease->ttl);
	case MARK_LEASE:
		return lease && lease->is_shared && update->lease == lease->id;
	default:
		return !lease;
	}
}

/* 0: no; 1: yes; negative errno. Only two cookies with one hash are worth a look at the record.
 */
static int same_cookie(const struct group *group, const struct step *step)
{
	const char *cookie = step->update->cookie;
	struct mark old;
	int r;

	if (step->was.setter)
		return strcmp(cookie, step->was.setter->cookie) == 0;
	if (index_cookie_hash(cookie) != step->entry->cookie)
		return 0;
	if (!*cookie)
		return 1;
	r = load(group, step, &old);
	return r < 0 ? r : strcmp(cookie, old.cookie) == 0;
}

/* The same. */
static int same_content(const struct group *group, const struct step *step)
{
	return mark_action_equal(&step->update->action, &step->was.action) &&
			       same_lifetime(step)
		       ? same_cookie(group, step)
		       : 0;
}

static int create(struct group *group, struct step *step, struct index_owner *owner)
{
	step->added = index_entry_new(step->match, step->hash, owner);
	if (!step->added) {
		lifetime_undo(group, step, false);
		return refuse(step, FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_MEMORY,
			      "the agent is out of memory");
	}
	step->is.create_time = group->wall;
	step->is.setter = step->update;
	step->outcome = OUTCOME_CREATED;
	step->has_change = true;
	step->verb = DATAPATH_INSERT;
	return 0;
}

static int replace(struct group *group, struct step *step)
{
	const int same = same_content(group, step);
	const bool same_word = mark_action_equal(&step->is.action, &step->was.action) &&
			       step->is.lease == step->was.lease;

	if (same < 0) {
		lifetime_undo(group, step, false);
		return refuse_unreadable(step);
	}
	step->outcome = OUTCOME_UNCHANGED;
	step->is.create_time = step->was.create_time;
	step->is.setter = step->was.setter;
	if (!same) {
		step->outcome = OUTCOME_UPDATED;
		step->is.setter = step->update;
	}
	step->is.slot = step->was.slot;
	/* One that a failed rollback has left without an entry gets it back. */
	step->has_change = !same_word || step->was.slot == 0;
	step->verb = step->was.slot == 0 ? DATAPATH_INSERT : DATAPATH_REWRITE;
	return 0;
}

static int decide_set(struct group *group, struct step *step, struct index_owner *owner)
{
	int r = check_precondition(group, step);

	step->is = (struct state){.exists = true,
				  .action = step->update->action,
				  .owner = owner,
				  .revision = step->was.revision};
	if (r == 0)
		r = lifetime_attach(group, step);
	if (r == 0)
		r = check_quota(group, step, owner);
	if (r == 0)
		r = check_room(group, step);
	if (r == 0)
		r = lifetime_decide(group, step);
	if (r < 0)
		return r;
	return step->was.exists ? replace(group, step) : create(group, step, owner);
}

static void remove_mark(struct step *step, enum removal_reason reason)
{
	step->is = (struct state){.exists = false};
	step->outcome = OUTCOME_REMOVED;
	step->reason = (uint8_t)reason;
	step->has_change = step->was.slot != 0;
	step->verb = DATAPATH_REMOVE;
}

static int decide_clear(const struct group *group, struct step *step)
{
	int r = 0;

	if (!step->was.exists) {
		step->outcome = OUTCOME_ABSENT;
		return 0;
	}
	r = check_precondition(group, step);
	if (r == 0)
		r = show(group, step);
	if (r < 0)
		return r;
	remove_mark(step, REMOVAL_CLEARED);
	return 0;
}

static int decide(struct group *group, struct step *step, struct index_owner *owner)
{
	int r;

	if (step->was.exists && lifetime_over(step->was.lease, group->now))
		return refuse(step, FAULT_UNAVAILABLE, FAULT_REASON_DATAPATH,
			      "the mark that is over cannot be removed yet");
	r = check_owner(group, step, owner);
	if (r < 0)
		return r;
	if (step->update->verb == UPDATE_CLEAR)
		return decide_clear(group, step);
	return decide_set(group, step, owner);
}

/* ---- entries ---- */

/* A dead mark goes, with a revision of its own, before anybody can meet it. */
static void bury(struct group *group, struct index_entry *entry)
{
	if (entry && lifetime_over(entry->lease, group->now) && !group_knows(group, entry))
		(void)decide_removal(group, NULL, entry, REMOVAL_EXPIRED);
}

static bool has_effect(const struct step *step)
{
	return step_changes(step) || step->renews || step->has_change ||
	       (step->outcome == OUTCOME_UNCHANGED && step->was.setter);
}

static void refuse_memory(struct engine_update *update)
{
	fault_set(engine_update_refuse(update), FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_MEMORY,
		  NULL, "the agent is out of memory");
}

/* Keeps the step if it has an effect; else it is answered and forgotten. */
static void settle(struct group *group, struct step *step)
{
	if (has_effect(step)) {
		if (group_keep(group, step) == 0)
			return;
		lifetime_undo(group, step, false);
		group_forget(group, step);
		refuse_memory(step->update);
	}
	step_report(step);
	group->n_steps--;
}

void decide_update(struct group *group, struct engine_op *op, struct index_owner *owner,
		   struct engine_update *update)
{
	struct index_entry *entry;
	struct step *step = NULL;

	if (!update->fault) {
		entry = index_find_hashed(group->index, &update->match, update->hash);
		bury(group, entry);
		step = group_add(group, &update->match, update->hash, entry);
		if (!step)
			refuse_memory(update);
	}
	if (!step) {
		op->failed++;
		return;
	}
	step->op = op;
	step->update = update;
	(void)decide(group, step, owner);
	settle(group, step);
}

static int add_removal(struct group *group, struct engine_op *op, struct index_entry *entry,
		       enum removal_reason reason)
{
	struct step *step = group_add(group, &entry->match, entry->hash, entry);
	int r;

	if (!step)
		return -ENOMEM;
	step->op = op;
	remove_mark(step, lifetime_over(entry->lease, group->now) ? REMOVAL_EXPIRED : reason);
	r = group_keep(group, step);
	if (r < 0)
		group->n_steps--;
	return r;
}

int decide_removal(struct group *group, struct engine_op *op, struct index_entry *entry,
		   enum removal_reason reason)
{
	int r = add_removal(group, op, entry, reason);

	if (r == 0)
		return 0;
	if (op)
		fault_set(&op->fault, FAULT_RESOURCE_EXHAUSTED, FAULT_REASON_MEMORY, NULL,
			  "the agent is out of memory");
	else
		group->n_refused++;
	return r;
}
