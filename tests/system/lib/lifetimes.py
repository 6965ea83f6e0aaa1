# SPDX-License-Identifier: Apache-2.0
"""What of a history has no revision: when leases were alive, and who was the primary.

All that is known of a call is when it began and ended. So each question has the answers that some
moment of the call would give.
"""

from collections import defaultdict
from typing import Iterable

from lib import pb
from lib.history import SECOND, Call

wm = pb.waymark
# A removal is due within 1 s of the deadline; what a busy machine adds until we hear of it.
LATEST = 6 * SECOND


class Leases:
    """When each lease was surely alive, surely dead."""

    def __init__(self, calls: Iterable[Call]):
        self._owners: dict[int, tuple[str, int]] = {}
        self._renewals = defaultdict(list)  # (begin, end)
        self._revokes = defaultdict(list)
        for call in calls:
            if call.refusal or call.validate_only:
                continue
            if call.method == "GrantLease":
                self._owners[call.lease] = (call.owner, call.ttl)
            if call.method in ("GrantLease", "RenewLease"):
                self._renewals[call.lease].append((call.begin, call.end))
            elif call.method == "RevokeLease" and call.outcome == wm.OUTCOME_REMOVED:
                self._revokes[call.lease].append((call.begin, call.end))

    def is_foreign(self, lease: int, owner: str) -> bool:
        return self._owners.get(lease, (owner,))[0] != owner

    def states(self, lease: int, call: Call) -> set[bool]:
        """May it have been alive to the call (True), or dead (False)?"""
        _, ttl = self._owners.get(lease, ("", 0))
        states = set()
        surely = [begin + ttl for begin, end in self._renewals[lease] if end <= call.begin]
        perhaps = [end + ttl for begin, end in self._renewals[lease] if begin <= call.end]
        revokes = self._revokes[lease]
        if max(perhaps, default=0) >= call.begin and all(end >= call.begin for _, end in revokes):
            states.add(True)
        if max(surely, default=0) <= call.end or any(begin <= call.end for begin, _ in revokes):
            states.add(False)
        return states

    def is_fading(self, lease: int, call: Call) -> bool:
        """Its deadline has passed, and it may not have been removed yet."""
        if lease not in self._owners or any(end < call.begin for _, end in self._revokes[lease]):
            return False
        return self.deadline(lease)[1] + LATEST >= call.begin

    def deadline(self, lease: int) -> tuple[int, int]:
        """Between when and when it is, all renewals counted."""
        _, ttl = self._owners[lease]
        begins, ends = zip(*self._renewals[lease])
        return max(begins) + ttl, max(ends) + ttl


class Fences:
    """Which elections of an owner were surely, and perhaps, seen when."""

    def __init__(self, calls: Iterable[Call]):
        self._perhaps = defaultdict(list)
        self._surely = defaultdict(list)
        for call in calls:
            if call.is_own and call.election and call.refusal != "NOT_PRIMARY":
                if not call.validate_only:
                    self._perhaps[call.owner].append(call)
                    if call.refusal != "OUT_OF_RANGE":  # or it was refused before its turn
                        self._surely[call.owner].append(call)

    def states(self, call: Call) -> set[bool]:
        """May it have come from the primary (True), or from a predecessor (False)?"""
        if not call.is_own:
            return {True}
        states = set()
        surely = (shown for shown in self._surely[call.owner] if shown.end < call.begin)
        perhaps = (shown for shown in self._perhaps[call.owner] if shown.begin < call.end)
        if all(shown.election <= call.election for shown in surely):
            states.add(True)
        if any(shown.election > call.election for shown in perhaps):
            states.add(False)
        return states
