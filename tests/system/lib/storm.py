# SPDX-License-Identifier: Apache-2.0
"""Changes marks as fast as the agent answers, and tells what each packet may carry meanwhile."""

import bisect
import random
import time
from dataclasses import dataclass, field
from ipaddress import IPv6Address, IPv6Network
from typing import NamedTuple

from lib import pb
from lib.client import Client

wm = pb.waymark
_FIRST_LABEL = 0x40000


class Flow(NamedTuple):
    destination: bytes
    protocol: int
    source_port: int
    destination_port: int


def written(version: int) -> tuple[int, int]:
    """Label and DSCP of a version of a mark. Each version has its own label, and the DSCP follows
    from it: half of one mark and half of another do not go together."""
    return _FIRST_LABEL + version, ((version ^ version >> 6 ^ version >> 12) & 0x3F) ^ 0x15


def version_of(label: int, dscp: int) -> int | None:
    """The inverse of written; None if they are not of one version."""
    version = label - _FIRST_LABEL
    return version if version > 0 and written(version) == (label, dscp) else None


@dataclass(eq=False)
class Place:
    """A match that a mark can have, and the mark that it has now."""

    match: wm.Match
    version: int = 0  # 0: none
    versions: list[int] = field(default_factory=list)  # since the mark was created
    changes: list[tuple[int, int, int]] = field(default_factory=list)  # before, after, version

    def __post_init__(self):
        self.network = IPv6Network(self.match.destination)
        self.rank = (0 if self.match.source else 1 if self.match.protocol else 2,
                     -self.network.prefixlen)  # fmt: skip

    def applies(self, flow: Flow) -> bool:
        match = self.match
        return (
            IPv6Address(flow.destination) in self.network
            and match.protocol in (0, flow.protocol)
            and match.destination_port in (0, flow.destination_port)
            and match.source_port in (0, flow.source_port)
        )


@dataclass
class Life:
    """A mark from its creation to its end."""

    match: wm.Match
    versions: list[int]
    counters: tuple[int, int]  # final: packets, bytes


class Storm:
    """Sets, changes and clears the marks of its places at random; drawn from a seed."""

    def __init__(self, client: Client, always: wm.Match, sometimes: list[wm.Match], seed: int):
        """always: the match whose mark changes but never goes."""
        self._client = client
        self._random = random.Random(seed)
        self._always = Place(always)
        self._places = [self._always, *map(Place, sometimes)]
        self._last_version = 0
        self.changes = 0
        self.lives: list[Life] = []
        self._set(self._always)

    def change(self) -> None:
        place = self._random.choice(self._places)
        if place.version and place is not self._always and self._random.random() < 0.4:
            self._clear(place)
        else:
            self._set(place)
        self.changes += 1

    def end(self) -> None:
        """Reads the counters of the marks that live."""
        living = {place.match.SerializeToString(): place for place in self._places}
        for mark in self._client.marks(with_counters=True):
            self._end_life(living[mark.match.SerializeToString()], mark.counters)

    def _set(self, place: Place) -> None:
        self._last_version += 1
        label, dscp = written(self._last_version)
        before = time.monotonic_ns()
        answer = self._client.set(place.match, flow_label=label, dscp=dscp)
        self._changed(place, before, self._last_version)
        expected = wm.OUTCOME_UPDATED if place.versions else wm.OUTCOME_CREATED
        assert answer.outcome == expected
        place.versions.append(self._last_version)

    def _clear(self, place: Place) -> None:
        before = time.monotonic_ns()
        answer = self._client.clear(place.match)
        self._changed(place, before, 0)
        assert answer.outcome == wm.OUTCOME_REMOVED
        self._end_life(place, answer.mark.counters)

    def _changed(self, place: Place, before: int, version: int) -> None:
        place.changes.append((before, time.monotonic_ns(), version))
        place.version = version

    def _end_life(self, place: Place, counters) -> None:
        self.lives.append(Life(place.match, place.versions, (counters.packets, counters.bytes)))
        place.versions = []

    def timeline(self, flow: Flow) -> "Timeline":
        return Timeline([place for place in self._places if place.applies(flow)])


class Timeline:
    """What the packets of one flow may carry, and when."""

    def __init__(self, places: list[Place]):
        ranked = sorted(places, key=lambda place: place.rank)
        changes = sorted(
            (*change, number) for number, place in enumerate(ranked) for change in place.changes
        )
        self.versions = {version for _, _, version, _ in changes} - {0}
        self._befores = [before for before, _, _, _ in changes]
        self._afters = [after for _, after, _, _ in changes]
        self._states = [(0,) * len(ranked)]
        for _, _, version, number in changes:
            state = list(self._states[-1])
            state[number] = version
            self._states.append(tuple(state))

    def allowed(self, before: int, after: int) -> set[int]:
        """For a packet that left in this interval: the old or the new one of a change that was
        under way then, else the only one."""
        first = bisect.bisect_right(self._afters, before)
        last = bisect.bisect_right(self._befores, after)
        states = self._states[first : last + 1]
        if len(states) > 2:  # held up over several changes, it may have seen some of each
            return {version for state in states for version in state} - {0}
        return {next(filter(None, state), 0) for state in states}
