# SPDX-License-Identifier: Apache-2.0
"""Judges what is left of a history that a crash has cut off.

Every match is a register. Each write of a set is unlike any other, so what is found says which
write it was. Revisions order what was acknowledged; what was not answered may have happened, after
everything that was, or not: linear in the number of writes.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

CREATED, UPDATED, REMOVED = "CREATED", "UPDATED", "REMOVED"


class Value(NamedTuple):
    """What a register holds. version 0: nothing."""

    version: int
    revision: int


NOTHING = Value(0, 0)


@dataclass
class Write:
    """One set or, with version 0, clear of one register. Times in ns; answered 0: it was not."""

    key: int
    version: int
    sent: int
    answered: int = 0
    outcome: str = ""
    revision: int = 0
    batch: int = 0  # writes of the same number, not 0, are one transaction
    place: int = 0  # within it

    @property
    def changed(self) -> bool:
        return self.outcome in (CREATED, UPDATED, REMOVED)


class Wrong(AssertionError):
    """No order of the writes explains what was found."""


def check(holds: bool, *what) -> None:
    if not holds:
        raise Wrong(" ".join(map(str, what)))


class Registers:
    """All of them, as they were when they were last looked at; at first nothing is there."""

    def __init__(self):
        self.values: dict[int, Value] = {}
        self.revision = 0
        self.applied = 0  # unanswered writes that had happened
        self.lost = 0  # ... and that had not

    def version(self, key: int) -> int:
        return self.values.get(key, NOTHING).version

    def possible(self, writes: list[Write]) -> dict[int, set[int]]:
        """Versions that packets may carry once the writer is dead, where it is not the old one."""
        last = {write.key: write for write in self._acknowledged(writes)}
        allowed = {key: {write.version} for key, write in last.items()}
        for write in writes:
            if not write.answered:
                allowed.setdefault(write.key, {self.version(write.key)}).add(write.version)
        return allowed

    def settle(self, writes: list[Write], found: dict[int, Value], revision: int) -> None:
        """Is that what these writes make of what there was? It becomes what there is.

        found: registers that hold something; revision: the newest that the agent knows.
        """
        acknowledged = self._acknowledged(writes)
        unanswered = defaultdict(list)
        for write in writes:
            if not write.answered:
                unanswered[write.key].append(write)
        self._check_order(acknowledged)
        self._check_outcomes(acknowledged, unanswered)
        self._check_found(acknowledged, unanswered, found)
        self._check_batches(acknowledged, unanswered, found)
        self._check_head(acknowledged, unanswered, found, revision)
        self.values, self.revision = found, revision

    @staticmethod
    def _acknowledged(writes: list[Write]) -> list[Write]:
        return sorted((write for write in writes if write.changed), key=lambda w: w.revision)

    def _check_order(self, acknowledged: list[Write]) -> None:
        """What was answered before another was sent comes before it."""
        revision, latest = self.revision, 0
        for write in acknowledged:
            check(write.revision > revision, "revision", write.revision, "twice, or old:", write)
            check(write.answered >= latest, "answered before an earlier one was sent:", write)
            revision, latest = write.revision, max(latest, write.sent)

    def _check_outcomes(self, acknowledged, unanswered) -> None:
        present = {key: True for key in self.values}
        for write in acknowledged:
            if write.key not in unanswered:
                there = present.get(write.key, False)
                check(there == (write.outcome != CREATED), "outcome of", write)
            present[write.key] = write.outcome != REMOVED

    def _check_found(self, acknowledged, unanswered, found) -> None:
        expected = dict(self.values)
        for write in acknowledged:
            if write.outcome == REMOVED:
                expected.pop(write.key, None)
            else:
                expected[write.key] = Value(write.version, write.revision)
        newest = {write.key: write.revision for write in acknowledged}
        for key in expected.keys() | found.keys() | unanswered.keys():
            value, wanted = found.get(key, NOTHING), expected.get(key, NOTHING)
            if value == wanted:
                self.lost += len(unanswered[key])
                continue
            possible = [write.version for write in unanswered[key]]
            check(value.version in possible, "key", key, "holds", value, "not", wanted,
                  "nor one of the unanswered", possible)  # fmt: skip
            check(value == NOTHING or value.revision > newest.get(key, self.revision),
                  "key", key, "holds", value, "which is older than", wanted)  # fmt: skip
            self.applied += 1

    @staticmethod
    def _check_batches(acknowledged, unanswered, found) -> None:
        """Where one of an unanswered batch is found, the others are, or were overwritten since."""
        batches = defaultdict(list)
        for write in (write for writes in unanswered.values() for write in writes if write.batch):
            batches[write.batch].append(write)
        removed = {write.key: write.revision for write in acknowledged if not write.version}
        cleared = {key for key, writes in unanswered.items() if not all(w.version for w in writes)}
        for batch in batches.values():
            batch.sort(key=lambda write: write.place)
            first = [found[write.key].revision - write.place for write in batch
                     if found.get(write.key, NOTHING).version == write.version]  # fmt: skip
            if not first:
                continue
            check(len(set(first)) == 1, "a batch has revisions in disorder", batch)
            for write in batch:
                revision = first[0] + write.place
                latest = found.get(write.key, NOTHING).revision or removed.get(write.key, 0)
                check(write.key in cleared or latest >= revision,
                      "half a batch:", write, "in", batch, "but", latest)  # fmt: skip

    def _check_head(self, acknowledged, unanswered, found, revision) -> None:
        newest = max([self.revision] + [write.revision for write in acknowledged]
                     + [value.revision for value in found.values()])  # fmt: skip
        check(revision >= newest, "the newest revision is", revision, "but", newest, "was used")
        most = self.revision + len(acknowledged) + sum(map(len, unanswered.values()))
        check(revision <= most, "the newest revision is", revision, "but at most", most,
              "writes happened")  # fmt: skip
