# SPDX-License-Identifier: Apache-2.0
"""What clients of a run have called, and what they were told: see judge.py."""

from dataclasses import dataclass, field
from typing import NamedTuple

from lib import pb

wm = pb.waymark
SECOND = 1_000_000_000
CHANGES = (wm.OUTCOME_CREATED, wm.OUTCOME_UPDATED, wm.OUTCOME_REMOVED)


class Content(NamedTuple):
    """What a client writes into a mark."""

    label: int | tuple[int, int] | None
    dscp: int | None
    cookie: str
    ttl: int = 0  # ns
    lease: int = 0


def content_of(mark: wm.Mark) -> Content:
    label = mark.WhichOneof("label")
    if label == "scitag":
        label = (mark.scitag.experiment_id, mark.scitag.activity_id)
    elif label:
        label = mark.flow_label
    dscp = mark.dscp if mark.WhichOneof("dscp_choice") else None
    ttl = mark.ttl.ToNanoseconds() if mark.HasField("ttl") else 0
    return Content(label, dscp, mark.cookie, ttl, mark.lease_id)


class Update(NamedTuple):
    """A set, or a clear where there is no content."""

    key: int  # of the match
    content: Content | None
    must_not_exist: bool = False
    if_revision: int = 0
    is_bad: bool = False  # its label is none


class Result(NamedTuple):
    """What became of it."""

    outcome: int
    reason: str = ""
    revision: int = 0
    packets: int = 0


@dataclass
class Call:
    """A call from its beginning to its end; times on CLOCK_BOOTTIME, ns."""

    method: str
    owner: str
    is_own: bool  # not an admin's call for somebody else
    floor: int  # newest revision that anybody knew of when it began
    begin: int
    election: int = 0
    updates: list[Update] = field(default_factory=list)
    all_or_nothing: bool = False
    validate_only: bool = False
    if_owner_revision: int = 0
    lease: int = 0
    ttl: int = 0  # GrantLease, ns
    end: int = 0
    refusal: str = ""  # reason
    failed_update: int = 0  # whose refusal that is
    revision: int = 0  # of the answer's header
    results: list[Result] = field(default_factory=list)
    failures: dict[int, str] = field(default_factory=dict)  # ReplaceMarks: index, reason
    counts: tuple[int, ...] = (0,) * 5  # ReplaceMarks: created, updated, unchanged, removed, failed
    outcome: int = 0  # RevokeLease
    removed: int = 0  # RevokeLease

    @property
    def changes(self) -> int:
        """How many marks it changed; `revision` is the last of these changes."""
        if self.refusal or self.validate_only:
            return 0
        created, updated, _, removed, _ = self.counts
        told = sum(result.outcome in CHANGES for result in self.results)
        return told + created + updated + removed + self.removed


class Mark(NamedTuple):
    owner: str
    content: Content
    revision: int
