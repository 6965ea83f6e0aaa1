# SPDX-License-Identifier: Apache-2.0
"""What one update may answer upon what it meets: the decisions of docs/api.md as a table."""

from lib import pb
from lib.history import Call, Mark, Update
from lib.lifetimes import Leases

wm = pb.waymark
CREATED, UPDATED, UNCHANGED = wm.OUTCOME_CREATED, wm.OUTCOME_UPDATED, wm.OUTCOME_UNCHANGED
REMOVED, ABSENT, FAILED = wm.OUTCOME_REMOVED, wm.OUTCOME_ABSENT, wm.OUTCOME_UNSPECIFIED

# More than one where a deadline passed during the call: None is no mark.
Views = set[Mark | None]


def after(update: Update, views: Views, call: Call) -> Views:
    """What the next update of the same call meets."""
    if update.content is None:
        return {None}
    # Of a revision that nobody who wrote the call could know.
    new = Mark(call.owner, update.content, -1)
    return {view if view and view.content == update.content else new for view in views}


def possible(update: Update, views: Views, call: Call, leases: Leases) -> set:
    """(outcome, reason) that are right upon one of the views."""
    if update.is_bad:
        return {(FAILED, "OUT_OF_RANGE")}
    found = set()
    for view in views:
        if view and view.owner != call.owner:
            found.add((FAILED, "NOT_OWNER"))
        elif view and update.must_not_exist:
            found.add((FAILED, "MARK"))
        elif update.content is None and view is None:
            found.add((ABSENT, ""))
        elif update.if_revision and (view is None or view.revision != update.if_revision):
            found.add((FAILED, "REVISION_MISMATCH"))
        elif update.content is None:
            found.add((REMOVED, ""))
        else:
            found |= _sets(update, view, call, leases)
    return found


def _sets(update: Update, view: Mark | None, call: Call, leases: Leases) -> set:
    alive = {True}
    if update.content.lease:
        if leases.is_foreign(update.content.lease, call.owner):
            return {(FAILED, "NOT_OWNER"), (FAILED, "LEASE")}
        alive = leases.states(update.content.lease, call)
    found = {(FAILED, "LEASE")} if False in alive else set()
    if True in alive:
        if view is None:
            found.add((CREATED, ""))
        else:
            found.add((UNCHANGED if view.content == update.content else UPDATED, ""))
    return found
