# SPDX-License-Identifier: Apache-2.0
"""Clients that do anything at random to the same few marks, and write down what they were told."""

import random
import threading
import time

from lib import pb
from lib.client import Client, Refused, duration
from lib.history import SECOND, Call, Content, Result, Update, content_of

wm = pb.waymark
ALL = wm.ATOMICITY_ALL_OR_NOTHING
_BAD_LABEL = 1 << 20


def make_matches(prefix, count: int) -> list[wm.Match]:
    """Matches of every kind, as answers spell them; FLOW and ENDPOINT share destinations."""
    matches, subnets = [], prefix.subnets(new_prefix=96)
    next(subnets)
    for number in range(count):
        match = wm.Match(destination=str(prefix[number // 2 + 1]))
        if number % 10 == 9:
            match = wm.Match(destination=str(next(subnets)))
        elif number % 2:
            match.protocol, match.destination_port = wm.PROTOCOL_UDP, 7000 + number
            if number % 4 == 3:
                match.source, match.source_port = str(prefix[1 << 20]), 1024 + number
        matches.append(match)
    return matches


class Table:
    """What all players know: it may be old, as with real clients."""

    def __init__(self, matches: list[wm.Match], updates: int):
        self.matches = matches
        self.revision = 0  # the newest that anybody was told
        self.calls: list[Call] = []
        self.elections: dict[str, int] = {}
        self.leases: dict[str, list[int]] = {}
        self.revisions = [0] * len(matches)  # of marks, by match
        self.remaining = updates
        self._lock = threading.Lock()

    def take(self, call: Call) -> None:
        with self._lock:
            self.calls.append(call)
            self.remaining -= max(len(call.updates), 1)
            self.revision = max(self.revision, call.revision)

    def elect(self, owner: str) -> int:
        with self._lock:
            self.elections[owner] = self.elections.get(owner, 0) + 1
            return self.elections[owner]


class Player:
    """One client. `owner`: for whom it acts; `is_own`: that is itself."""

    def __init__(self, table: Table, client: Client, owner: str, is_own: bool, seed: int):
        self._table = table
        self._client = client
        self._owner = owner
        self._is_own = is_own
        self._draw = random.Random(seed)
        self._election = 0
        self._others = sorted({*table.leases} - {owner})
        table.leases.setdefault(owner, [])

    def play(self) -> None:
        """Until everybody together has made enough updates."""
        verbs = {"ApplyMarks": 60, "SetMark": 12, "ClearMark": 8, "ReplaceMarks": 4,
                 "GrantLease": 3, "RenewLease": 6, "RevokeLease": 2, "elect": 2}  # fmt: skip
        names, weights = [*verbs], [*verbs.values()]
        if self._is_own:
            self._elect()
        while self._table.remaining > 0:
            verb = self._draw.choices(names, weights)[0]
            if verb == "elect":
                if self._is_own:
                    self._elect()
            else:
                self._call(verb)

    def _elect(self) -> None:
        self._election = self._table.elect(self._owner)
        self._call("ApplyMarks", empty=True)

    def _call(self, method: str, empty: bool = False) -> None:
        call = Call(
            method=method,
            owner=self._owner,
            is_own=self._is_own,
            election=self._election,
            floor=self._table.revision,
            begin=0,
            validate_only=not empty and self._draw.random() < 0.05,
        )
        request = b"" if empty else getattr(self, f"_draw_{method}")(call)
        call.begin = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        try:
            answer = getattr(self, f"_send_{method}")(call, request)
        except Refused as refused:
            self._note_refusal(call, refused)
        else:
            call.end = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            call.revision = answer.header.revision
            getattr(self, f"_note_{method}")(call, answer)
        self._table.take(call)
        if call.refusal == "NOT_PRIMARY" and self._draw.random() < 0.7:
            self._election = self._table.elections[self._owner]  # a replica of the new primary

    def _note_refusal(self, call: Call, refused: Refused) -> None:
        call.end = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        call.refusal = refused.reason
        _, bracket, number = refused.field.partition("[")
        call.failed_update = int(number.partition("]")[0]) if bracket else 0
        assert refused.reason, refused

    def _options(self, call: Call):
        return wm.WriteOptions(
            owner="" if self._is_own else self._owner,
            election_id=call.election,
            validate_only=call.validate_only,
        )

    # ---- what to write ----

    def _draw_key(self) -> int:
        """Mostly one of its owner's own; the rest are what owners quarrel about."""
        count, owners = len(self._table.matches), len(self._table.leases)
        number = self._draw.randrange(count)
        if self._draw.random() < 0.9:
            place = sorted(self._table.leases).index(self._owner)
            number = number // owners * owners + place
        return min(number, count - 1)

    def _draw_lease(self) -> int:
        known = self._table.leases[self._draw.choice(sorted(self._table.leases))]
        if self._draw.random() < 0.9:
            known = self._table.leases[self._owner]
        return self._draw.choice(known[-6:] or [1 << 60])

    def _draw_content(self) -> Content:
        draw = self._draw
        label = draw.choice((None, *range(3), (draw.randrange(1, 4), draw.randrange(3))))
        dscp = draw.choice((None, 0, 46)) if label is not None else 8
        cookie = draw.choice(("", "", "note"))
        match draw.choices(("none", "short", "long", "lease"), (50, 15, 15, 20))[0]:
            case "short":
                return Content(label, dscp, cookie, ttl=draw.choice((SECOND, 3 * SECOND // 2)))
            case "long":
                return Content(label, dscp, cookie, ttl=600 * SECOND)
            case "lease":
                return Content(label, dscp, cookie, lease=self._draw_lease())
        return Content(label, dscp, cookie)

    def _draw_update(self, clear: bool, bad: float = 0.01) -> Update:
        draw = self._draw
        number = self._draw_key()
        must_not_exist = not clear and draw.random() < 0.1
        if_revision = 0
        if not must_not_exist and draw.random() < 0.15:
            if_revision = self._table.revisions[number]
        content = None if clear else self._draw_content()
        is_bad = not clear and draw.random() < bad
        if is_bad:
            content = content._replace(label=_BAD_LABEL)
        return Update(number, content, must_not_exist, if_revision, is_bad)

    def _mark(self, update: Update) -> wm.Mark:
        content = update.content
        mark = wm.Mark(match=self._table.matches[update.key], cookie=content.cookie)
        if isinstance(content.label, tuple):
            mark.scitag.experiment_id, mark.scitag.activity_id = content.label
        elif content.label is not None:
            mark.flow_label = content.label
        if content.dscp is not None:
            mark.dscp = content.dscp
        if content.ttl:
            mark.ttl.FromNanoseconds(content.ttl)
        if content.lease:
            mark.lease_id = content.lease
        return mark

    @staticmethod
    def _precondition(update: Update) -> wm.Precondition:
        return wm.Precondition(
            must_not_exist=update.must_not_exist, if_revision=update.if_revision
        )

    # ---- SetMark and ClearMark ----

    def _draw_SetMark(self, call: Call):
        call.updates = [self._draw_update(clear=False)]
        return self._mark(call.updates[0])

    def _send_SetMark(self, call: Call, mark):
        (update,) = call.updates
        request = wm.SetMarkRequest(
            mark=mark, precondition=self._precondition(update), options=self._options(call)
        )
        return self._client.call("SetMark", request)

    def _note_SetMark(self, call: Call, answer) -> None:
        (update,) = call.updates
        assert content_of(answer.mark) == update.content
        assert answer.mark.owner == call.owner
        assert answer.mark.match == self._table.matches[update.key]
        call.results = [Result(answer.outcome, "", answer.mark.revision)]
        self._learn(call)

    def _draw_ClearMark(self, call: Call):
        call.updates = [self._draw_update(clear=True)]

    def _send_ClearMark(self, call: Call, _):
        (update,) = call.updates
        request = wm.ClearMarkRequest(
            match=self._table.matches[update.key],
            precondition=self._precondition(update),
            options=self._options(call),
        )
        return self._client.call("ClearMark", request)

    def _note_ClearMark(self, call: Call, answer) -> None:
        revision = answer.header.revision if answer.outcome == wm.OUTCOME_REMOVED else 0
        call.results = [Result(answer.outcome, "", revision, answer.mark.counters.packets)]
        self._learn(call)

    def _learn(self, call: Call) -> None:
        if not call.validate_only:
            for update, result in zip(call.updates, call.results):
                self._table.revisions[update.key] = result.revision

    # ---- ApplyMarks ----

    def _draw_ApplyMarks(self, call: Call):
        draw = self._draw
        call.all_or_nothing = draw.random() < 0.3
        count = draw.randrange(1, 10 if call.all_or_nothing else 70)
        call.updates = [self._draw_update(draw.random() < 0.35) for _ in range(count)]

    def _send_ApplyMarks(self, call: Call, _):
        request = wm.ApplyMarksRequest(options=self._options(call))
        request.atomicity = ALL if call.all_or_nothing else 0
        for update in call.updates:
            message = request.updates.add(precondition=self._precondition(update))
            if update.content is None:
                message.clear.CopyFrom(self._table.matches[update.key])
            else:
                message.set.CopyFrom(self._mark(update))
        return self._client.call("ApplyMarks", request)

    def _note_ApplyMarks(self, call: Call, answer) -> None:
        call.results = [
            Result(
                result.outcome,
                result.error.reason,
                result.revision,
                result.final_counters.packets,
            )
            for result in answer.results
        ]
        assert [result.index for result in answer.results] == list(range(len(call.updates)))
        assert answer.failed == sum(bool(result.reason) for result in call.results)
        self._learn(call)

    # ---- ReplaceMarks ----

    def _draw_ReplaceMarks(self, call: Call):
        draw = self._draw
        call.all_or_nothing = draw.random() < 0.2
        bad = 0 if call.all_or_nothing else 0.01
        wanted = (self._draw_update(clear=False, bad=bad) for _ in range(draw.randrange(80)))
        declared = {
            update.key: update._replace(must_not_exist=False, if_revision=0) for update in wanted
        }
        call.updates = list(declared.values())
        if draw.random() < 0.2:
            call.if_owner_revision = self._table.revision

    def _send_ReplaceMarks(self, call: Call, _):
        return self._client.replace_by(
            {
                "begin": {
                    "options": self._options(call),
                    "atomicity": ALL if call.all_or_nothing else 0,
                    "allow_empty": True,
                    "if_owner_revision": call.if_owner_revision,
                }
            },
            *(
                {"chunk": {"marks": [self._mark(update) for update in call.updates[n : n + 25]]}}
                for n in range(0, len(call.updates), 25)
            ),
            {"commit": {"mark_count": len(call.updates)}},
        )

    @staticmethod
    def _note_ReplaceMarks(call: Call, answer) -> None:
        call.counts = (
            *(answer.created, answer.updated, answer.unchanged, answer.removed, answer.failed),
        )
        call.failures = {failure.index: failure.error.reason for failure in answer.failures}

    # ---- leases ----

    def _draw_GrantLease(self, call: Call):
        call.ttl = self._draw.choice((SECOND, 2 * SECOND, 600 * SECOND))

    def _send_GrantLease(self, call: Call, _):
        request = wm.GrantLeaseRequest(
            ttl=duration(call.ttl / SECOND), options=self._options(call)
        )
        return self._client.call("GrantLease", request)

    def _note_GrantLease(self, call: Call, answer) -> None:
        call.lease = answer.lease.lease_id
        if call.lease:
            self._table.leases[self._owner].append(call.lease)

    def _draw_RenewLease(self, call: Call):
        call.lease = self._draw_lease()

    _draw_RevokeLease = _draw_RenewLease

    def _send_RenewLease(self, call: Call, _):
        request = wm.RenewLeaseRequest(lease_id=call.lease, options=self._options(call))
        return self._client.call("RenewLease", request)

    def _note_RenewLease(self, call: Call, answer) -> None:
        assert answer.lease.lease_id == call.lease

    def _send_RevokeLease(self, call: Call, _):
        request = wm.RevokeLeaseRequest(lease_id=call.lease, options=self._options(call))
        return self._client.call("RevokeLease", request)

    @staticmethod
    def _note_RevokeLease(call: Call, answer) -> None:
        call.outcome, call.removed = answer.outcome, answer.removed
