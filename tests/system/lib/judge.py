# SPDX-License-Identifier: Apache-2.0
"""Judges a concurrent history: was there one order in which every answer is right?

The agent names that order itself: each change has a revision. So the changes that clients were
told of and those that a watch saw are laid out by revision, each must belong to somebody, and
each must be possible upon the one before. That gives the state at every revision. Then each answer
is judged against the state at its place. A refusal carries no revision: there must be a place
between what was acknowledged before it was asked and what was there when it was answered at which
it is right. Only time is not exact: a mark or a lease whose deadline fell into a call may have been
dead to it or not.
"""

import bisect
from collections import Counter, defaultdict

from lib import pb
from lib.history import CHANGES, SECOND, Call, Mark, Result, Update, content_of
from lib.lifetimes import LATEST, Fences, Leases
from lib.rules import CREATED, FAILED, REMOVED, UNCHANGED, UPDATED, Views, after, possible
from lib.watch import Event, key

wm = pb.waymark
EXPIRED, CLEARED = wm.REMOVAL_REASON_EXPIRED, wm.REMOVAL_REASON_CLEARED
REPLACED, REVOKED = wm.REMOVAL_REASON_REPLACED, wm.REMOVAL_REASON_REVOKED


class Wrong(AssertionError):
    """No order explains the history."""


class Judge:
    """All calls of a run, and what a watch saw of it from the first revision on."""

    def __init__(self, matches: list[wm.Match], calls: list[Call], events: list[Event]):
        self._keys = {key(match): number for number, match in enumerate(matches)}
        self._calls = sorted(calls, key=lambda call: call.begin)
        self._events = {event.revision: event for event in events}
        self._leases = Leases(calls)
        self._fences = Fences(calls)
        self._now: dict[int, Mark] = {}
        self._versions = defaultdict(lambda: ([], []))  # key -> revisions, marks or None
        self._owner_changes = defaultdict(list)  # revisions
        self._renewals = defaultdict(list)  # (key, revision) -> [(begin, end)]
        self._places: list[int] = [0]  # revisions between two calls
        self._ceilings: list[tuple[int, int]] = []
        self.refusals = Counter()  # by reason

    def judge(self, head: int) -> dict[int, Mark]:
        """Raises Wrong, or answers the marks after revision `head`."""
        self._lay_out(head)
        for call in self._calls:
            self._collect_renewals(call)
        newest = [call.revision for call in self._calls if call.revision]
        if max(newest, default=0) > head:
            raise Wrong(f"an answer tells revision {max(newest)} of {head}")
        self._ceilings = self._find_ceilings()
        for call in self._calls:
            self._judge_fence(call)
            if call.refusal:
                self._judge_refusal(call)
            else:
                getattr(self, f"_judge_{call.method}", self._judge_updates)(call)
        for event in self._events.values():
            if event.reason == EXPIRED:
                self._judge_expiry(event)
        return self._now

    # ---- the order ----

    def _lay_out(self, head: int) -> None:
        claims = {}
        for call in self._calls:
            for revision, claim in self._claims(call):
                if revision in claims:
                    raise Wrong(f"revision {revision} was given twice, also to {call}")
                claims[revision] = (call, claim)
        elections = defaultdict(int)
        for revision in range(1, head + 1):
            event = self._events.get(revision)
            if revision not in claims:
                if event is None or event.reason != EXPIRED:
                    raise Wrong(f"revision {revision} is nobody's: {event}")
                self._remove(event)
                self._places.append(revision)
                continue
            call, claim = claims[revision]
            if call.is_own:
                if call.election < elections[call.owner]:
                    raise Wrong(f"revision {revision} is a fenced call's: {call}")
                elections[call.owner] = call.election
            self._change(revision, call, claim, event)
            if revision == call.revision:
                self._places.append(revision)

    def _claims(self, call: Call):
        """The revisions of a call, each with the update, the result, or what tells them."""
        if call.method == "ReplaceMarks":
            declared = self._declared(call)
            puts = call.counts[0] + call.counts[1]
            for number, revision in enumerate(self._own_revisions(call)):
                yield revision, declared if number < puts else None
        elif call.method == "RevokeLease":
            for revision in self._own_revisions(call):
                yield revision, None
        elif call.changes:
            told = [
                (result.revision, (update, result))
                for update, result in zip(call.updates, call.results)
                if result.outcome in CHANGES
            ]
            revisions = [revision for revision, _ in told]
            if revisions != self._own_revisions(call):
                raise Wrong(f"revisions {revisions} of {call} are not {self._own_revisions(call)}")
            yield from told

    def _own_revisions(self, call: Call) -> list[int]:
        """Those up to the header's that are no expiries, as many as it made changes."""
        found, revision = [], call.revision
        while len(found) < call.changes:
            if revision <= 0:
                raise Wrong(f"more changes than revisions: {call}")
            event = self._events.get(revision)
            if event is None or event.reason != EXPIRED:
                found.append(revision)
            revision -= 1
        return found[::-1]

    def _declared(self, call: Call):
        """The marks of a declaration that differ from those that are there, as they come up."""
        for number, update in enumerate(call.updates):
            mark = self._now.get(update.key)
            if number not in call.failures and (mark is None or mark.content != update.content):
                yield update, Result(UPDATED if mark else CREATED)

    def _change(self, revision: int, call: Call, claim, event: Event | None) -> None:
        if claim is None:
            reason = REVOKED if call.method == "RevokeLease" else REPLACED
            self._check_removal(revision, call, None, reason, event)
            return
        update, result = claim if isinstance(claim, tuple) else next(claim, (None, None))
        if update is None:
            raise Wrong(f"revision {revision}: {call} declares no more changes")
        if result.outcome == REMOVED:
            if event is None or event.mark.counters.packets != result.packets:
                raise Wrong(f"revision {revision}: {event}, but {result} of {call}")
            self._check_removal(revision, call, update.key, CLEARED, event)
        else:
            self._put(revision, call, update, result, event)

    def _put(self, revision: int, call: Call, update: Update, result: Result, event) -> None:
        before = self._now.get(update.key)
        if (result.outcome == CREATED) != (before is None):
            raise Wrong(f"revision {revision}: {result} upon {before} in {call}")
        if before and (before.owner, before.content != update.content) != (call.owner, True):
            raise Wrong(f"revision {revision}: {update} is no update of {before} in {call}")
        mark = Mark(call.owner, update.content, revision)
        if event:  # overtaken ones may be missing
            seen = Mark(event.mark.owner, content_of(event.mark), event.revision)
            if event.removed or seen != mark or self._keys[key(event.mark.match)] != update.key:
                raise Wrong(f"{event} is not {update} of {call}")
        self._version(revision, update.key, mark)
        self._renewals[update.key, revision].append((call.begin, call.end))

    def _check_removal(self, revision: int, call: Call, number, reason: int, event) -> None:
        if event is None or event.reason != reason:
            raise Wrong(f"revision {revision}: {event} is no removal of {call}")
        number = self._keys[key(event.mark.match)] if number is None else number
        before = self._now.get(number)
        if self._keys[key(event.mark.match)] != number or before is None:
            raise Wrong(f"{event} upon {before}: {call}")
        if reason == REVOKED:
            if before.content.lease != call.lease:
                raise Wrong(f"{event} upon {before}, not of the lease: {call}")
        elif before.owner != call.owner:
            raise Wrong(f"{event} upon {before} of another owner: {call}")
        self._remove(event)

    def _remove(self, event: Event) -> None:
        number = self._keys[key(event.mark.match)]
        before = self._now.get(number)
        if before is None or before.owner != event.mark.owner:
            raise Wrong(f"{event} upon {before}")
        if event.reason == EXPIRED and not (before.content.ttl or before.content.lease):
            raise Wrong(f"{event} upon {before}, which has no lifetime")
        self._version(event.revision, number, None)

    def _version(self, revision: int, number: int, mark: Mark | None) -> None:
        before = self._now.pop(number, None)
        self._owner_changes[(mark or before).owner].append(revision)
        if mark:
            self._now[number] = mark
        revisions, marks = self._versions[number]
        revisions.append(revision)
        marks.append(mark)

    def _at(self, revision: int, number: int) -> Mark | None:
        """The mark after this revision."""
        revisions, marks = self._versions[number]
        place = bisect.bisect_right(revisions, revision)
        return marks[place - 1] if place else None

    # ---- time ----

    def _collect_renewals(self, call: Call) -> None:
        if call.refusal or call.validate_only:
            return
        for update, result in zip(call.updates, call.results):
            if result.outcome == UNCHANGED:
                self._renewals[update.key, result.revision].append((call.begin, call.end))
        if call.method == "ReplaceMarks":
            for number, update in enumerate(call.updates):
                mark = self._at(call.revision, update.key)
                if number not in call.failures and mark and mark.content == update.content:
                    self._renewals[update.key, mark.revision].append((call.begin, call.end))

    def _views(self, number: int, revision: int, call: Call) -> Views:
        """What the call may have met: one whose deadline passed meanwhile is there no more."""
        mark = self._at(revision, number)
        if mark is None:
            return {None}
        if mark.content.lease and False in self._leases.states(mark.content.lease, call):
            return {mark, None}
        if mark.content.ttl:
            renewals = self._renewals[number, mark.revision]
            surely = [begin for begin, end in renewals if end <= call.begin]
            if max(surely, default=call.begin - mark.content.ttl) + mark.content.ttl <= call.end:
                return {mark, None}
        return {mark}

    def _judge_expiry(self, event: Event) -> None:
        number = self._keys[key(event.mark.match)]
        mark = self._at(event.revision - 1, number)
        if mark.content.lease:
            earliest, latest = self._leases.deadline(mark.content.lease)
        else:
            begins, ends = zip(*self._renewals[number, mark.revision])
            earliest, latest = max(begins) + mark.content.ttl, max(ends) + mark.content.ttl
        if not earliest <= event.time <= latest + LATEST:
            early, late = (event.time - earliest) / SECOND, (event.time - latest) / SECOND
            raise Wrong(f"{event} of {mark} came {late} s late ({early} s)")

    # ---- the answers ----

    def _judge_fence(self, call: Call) -> None:
        if call.refusal != "OUT_OF_RANGE":  # which may be said before
            if (call.refusal != "NOT_PRIMARY") not in self._fences.states(call):
                raise Wrong(f"the fence was wrong: {call}")

    def _places_of(self, call: Call) -> list[int]:
        """The revisions upon which the call may have come. One that made changes came right before
        the first of them; others came behind what was acknowledged before they began, and before
        what was acknowledged to whoever began after they had ended."""
        changes = self._own_revisions(call)
        if changes:
            return [changes[0] - 1]
        ceiling = self._ceiling(call)
        if not call.refusal:
            ceiling = min(ceiling, call.revision)
        first = bisect.bisect_left(self._places, call.floor)
        last = bisect.bisect_right(self._places, ceiling)
        # What was known of is perhaps the middle of a call's changes.
        return self._places[max(first - 1, 0) : last] if first >= last else self._places[first:last]

    def _find_ceilings(self) -> list[tuple[int, int]]:
        """When a call began, with the lowest revision that it or any later one was answered."""
        lowest, ceilings = self._places[-1], []
        for call in reversed(self._calls):
            if call.revision:
                lowest = min(lowest, call.revision)
                ceilings.append((call.begin, lowest))
        return ceilings[::-1]

    def _ceiling(self, call: Call) -> int:
        place = bisect.bisect_left(self._ceilings, (call.end, 0))
        return self._ceilings[place][1] if place < len(self._ceilings) else self._places[-1]

    def _judge_places(self, call: Call, complain) -> None:
        """complain: what is wrong if the call came upon this revision; None: nothing."""
        complaints = []
        for place in self._places_of(call):
            complaint = complain(call, place)
            if complaint is None:
                return
            complaints.append(f"upon {place}: {complaint}")
        raise Wrong("right nowhere: " + "; ".join(complaints[-10:]) + f": {call}")

    def _judge_updates(self, call: Call) -> None:
        self._judge_places(call, self._complain_of_results)

    def _complain_of_results(self, call: Call, place: int) -> str | None:
        """SetMark, ClearMark and ApplyMarks: each result, one after the other."""
        overlay = {}
        for update, result in zip(call.updates, call.results, strict=True):
            views = overlay.get(update.key) or self._views(update.key, place, call)
            found = possible(update, views, call, self._leases)
            if (result.outcome, result.reason) not in found:
                return f"{update}: {result}, not of {found} upon {views}"
            if result.outcome == UNCHANGED and update.key not in overlay:
                if result.revision not in {view.revision for view in views if view}:
                    return f"{update}: {result} upon {views}"
            if result.outcome != FAILED:
                overlay[update.key] = after(update, views, call)
        return None

    def _judge_ReplaceMarks(self, call: Call) -> None:
        created, updated, unchanged, _, failed = call.counts
        if created + updated + unchanged + failed != len(call.updates):
            raise Wrong(f"the counts do not add up: {call}")
        if failed != len(call.failures):
            raise Wrong(f"failures are missing: {call}")
        self._judge_places(call, self._complain_of_replacement)

    def _complain_of_replacement(self, call: Call, place: int) -> str | None:
        complaint = self._complain_of_declared(call, place)
        if complaint or call.validate_only:
            return complaint
        after = call.revision if call.changes else place
        declared = {update.key: update for update in call.updates}
        kept = {call.updates[number].key for number in call.failures}
        for number in self._versions:
            mark = self._at(after, number)
            if number in kept or mark is None:
                continue
            if number in declared and mark.content != declared[number].content:
                return f"{mark} is there for {declared[number]}"
            if number not in declared and mark.owner == call.owner:
                if None not in self._views(number, after, call):
                    return f"{mark} was not declared, and is there"
        return None

    def _complain_of_declared(self, call: Call, place: int) -> str | None:
        certain = Counter()
        for number, update in enumerate(call.updates):
            views = self._views(update.key, place, call)
            found = possible(update, views, call, self._leases)
            if number in call.failures:
                if (FAILED, call.failures[number]) not in found:
                    return f"{update}: {call.failures[number]}, not of {found} upon {views}"
                continue
            outcomes = {outcome for outcome, _ in found} - {FAILED}
            if not outcomes:
                return f"{update} could not be had upon {views}"
            certain[outcomes.pop() if len(outcomes) == 1 else None] += 1
        for outcome, count in zip((CREATED, UPDATED, UNCHANGED), call.counts):
            if not certain[outcome] <= count <= certain[outcome] + certain[None]:
                return f"expected {certain}"
        return None

    def _judge_GrantLease(self, call: Call) -> None:
        if (call.lease == 0) != call.validate_only:
            raise Wrong(f"a lease that is none: {call}")

    def _judge_RenewLease(self, call: Call) -> None:
        if True not in self._leases.states(call.lease, call):
            raise Wrong(f"a dead lease was renewed: {call}")

    def _judge_RevokeLease(self, call: Call) -> None:
        if not self._may_be_revoked(call):
            raise Wrong(f"a lease was not as it was revoked: {call}")
        if call.outcome == REMOVED and not call.validate_only:
            self._judge_places(call, self._complain_of_revoked)

    def _may_be_revoked(self, call: Call) -> bool:
        """A lease that is over can be revoked until it is gone."""
        states = self._leases.states(call.lease, call)
        if call.outcome == REMOVED:
            return True in states or self._leases.is_fading(call.lease, call)
        return False in states

    def _complain_of_revoked(self, call: Call, place: int) -> str | None:
        marks = [self._at(place, number) for number in self._versions]
        count = sum(mark is not None and mark.content.lease == call.lease for mark in marks)
        return None if count == call.removed else f"{count} marks hung on the lease"

    # ---- refusals ----

    def _judge_refusal(self, call: Call) -> None:
        self.refusals[call.refusal] += 1
        if call.method == "RenewLease" and call.refusal == "LEASE":
            if False not in self._leases.states(call.lease, call):
                raise Wrong(f"a living lease was not renewed: {call}")
        elif call.refusal != "NOT_PRIMARY":
            self._judge_places(call, self._complain_of_refusal)

    def _complain_of_refusal(self, call: Call, place: int) -> str | None:
        if call.method == "ReplaceMarks" and call.refusal == "REVISION_MISMATCH":
            changes = self._owner_changes[call.owner]
            last = bisect.bisect_right(changes, place)
            changed = changes[last - 1] if last else 0
            right = 0 < call.if_owner_revision < changed
            return None if right else f"the owner's marks changed with {changed}"
        bad = next((n for n, update in enumerate(call.updates) if update.is_bad), None)
        if bad is not None:  # said before its turn
            right = (call.refusal, call.failed_update) == ("OUT_OF_RANGE", bad)
            return None if right else f"update {bad} is bad"
        overlay = {}
        for number, update in enumerate(call.updates):
            views = overlay.get(update.key) or self._views(update.key, place, call)
            found = possible(update, views, call, self._leases)
            if number == call.failed_update:
                right = (FAILED, call.refusal) in found
                return None if right else f"{update}: {found} upon {views}"
            if {outcome for outcome, _ in found} == {FAILED}:
                return f"{update} fails before: {found} upon {views}"
            overlay[update.key] = after(update, views, call)
        return "there is nothing that could fail"
