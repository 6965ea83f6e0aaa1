# SPDX-License-Identifier: Apache-2.0
"""Cuts the power at every moment of a run, on paper.

While clients write, robust_journal notes what the agent does to its store's file and what of it
is on disk when. From that, the file is made as it could be after a power failure: everything that
was synced, and any part of what was not, in sectors. Each such file must open, hold everything that
had been acknowledged by then, and be as it was at one revision.
"""

import itertools
import random
import struct
import subprocess
import tempfile
import time
from ipaddress import IPv6Address
from pathlib import Path

from stage import Stage, arguments, run

# pylint: disable=wrong-import-order
from crash import CLIENTS, KEYS, Flow, Player, written
from lib.agent import BINARIES
from register import REMOVED, Value, Wrong, check

_ENTRY = struct.Struct("=IIqqQ")
_WRITE, _LENGTH, _SYNCED, _WRITE_SYNCED = range(1, 5)
_SECTOR = 512
_FILE = "waymark.mdb"


class Journal:
    """The entries of one file: (kind, offset, time, data)."""

    def __init__(self, file: Path, inode: int):
        self.entries = []
        data, at = file.read_bytes(), 0
        while at < len(data):
            kind, size, offset, when, which = _ENTRY.unpack_from(data, at)
            at += _ENTRY.size + size
            if which == inode:
                self.entries.append((kind, offset, when, data[at - size : at]))


class Disk:
    """A file, and what has been written to it but is not sure to be there yet."""

    def __init__(self):
        self._sure = bytearray()
        self._unsure: list[tuple[int, bytes | None]] = []  # None: the length is set

    def write(self, offset: int, data: bytes | None) -> None:
        self._unsure.append((offset, data))

    def sync(self) -> None:
        for change in self._unsure:
            self._apply(self._sure, change)
        self._unsure.clear()

    def sync_last(self) -> None:
        self._apply(self._sure, self._unsure.pop())

    def after_failure(self, chance: float, dice: random.Random) -> bytearray:
        """What may be there: each sector that is unsure with that chance, in any order."""
        image = bytearray(self._sure)
        for offset, data in self._unsure:
            for change in self._sectors(offset, data):
                if dice.random() < chance:
                    self._apply(image, change)
        return image

    @staticmethod
    def _sectors(offset: int, data: bytes | None):
        if data is None:
            yield offset, None
            return
        at = 0
        while at < len(data):
            size = min(len(data) - at, _SECTOR - (offset + at) % _SECTOR)
            yield offset + at, data[at : at + size]
            at += size

    @staticmethod
    def _apply(image: bytearray, change: tuple[int, bytes | None]) -> None:
        offset, data = change
        length = offset + len(data) if data is not None else offset
        if len(image) < length:
            image.extend(bytes(length - len(image)))
        if data is None:
            del image[length:]
        else:
            image[offset:length] = data


class Reader:
    """Opens images with the agent's own store."""

    def __init__(self):
        # Memory is fast, and what it forgets at a power failure does not matter.
        self._folder = tempfile.TemporaryDirectory(prefix="waymark-", dir="/dev/shm")
        self._process = subprocess.Popen(
            [BINARIES / "robust_store"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.opened = 0

    def close(self) -> None:
        self._process.stdin.close()
        check(self._process.wait(10) == 0, "robust_store failed")
        self._folder.cleanup()

    def read(self, image: bytes) -> tuple[int, dict[str, tuple]]:
        """The newest revision, and the marks by their destinations."""
        for file in Path(self._folder.name).iterdir():
            file.unlink()
        Path(self._folder.name, _FILE).write_bytes(image)
        self._process.stdin.write(self._folder.name + "\n")
        self._process.stdin.flush()
        lines = list(itertools.takewhile(lambda line: line != ".\n", self._process.stdout))
        check(lines and lines[0].strip().isdigit(), "does not open:", *lines)
        self.opened += 1
        marks = {}
        for line in lines[1:]:
            destination, revision, label, dscp, cookie = line.split()
            marks[destination] = int(revision), int(label), int(dscp), cookie
        return int(lines[0]), marks


class History:
    """What was acknowledged, and when; and what there was at each revision."""

    def __init__(self, writes, flows):
        changes = sorted((write for write in writes if write.changed), key=lambda w: w.revision)
        check([write.revision for write in changes] == list(range(1, len(changes) + 1)),
              "not every revision was acknowledged")  # fmt: skip
        self._changes = changes
        self._names = [str(IPv6Address(flow.match.destination.partition("/")[0]))
                       for flow in flows]  # fmt: skip
        self._answers = sorted((write.answered, write.revision) for write in changes)
        self._next, self._sure = 0, 0
        self._state: dict[str, tuple] = {}
        self._revision = 0

    def acknowledged(self, when: int) -> int:
        """The newest revision that a client had heard of; times must not go back."""
        while self._next < len(self._answers) and self._answers[self._next][0] <= when:
            self._sure = max(self._sure, self._answers[self._next][1])
            self._next += 1
        return self._sure

    def at(self, revision: int) -> dict[str, tuple]:
        if revision < self._revision:
            self._state, self._revision = {}, 0
        for write in self._changes[self._revision : revision]:
            name = self._names[write.key]
            if write.outcome == REMOVED:
                del self._state[name]
            else:
                label, dscp = written(write.key, write.version)
                self._state[name] = write.revision, label, dscp, f"{write.key}:{write.version}"
        self._revision = revision
        return self._state


def record(stage: Stage, seed: int, seconds: float):
    """An agent with a journal, and clients, for so long; answers the journal and the history."""
    flows = [Flow(key, stage.network) for key in range(KEYS)]
    versions = itertools.count(1)
    journal = stage.directory / "journal"
    environment = {"LD_PRELOAD": str(BINARIES / "robust_journal.so"),
                   "WAYMARK_JOURNAL": str(journal),
                   "WAYMARK_JOURNAL_ROOT": str(stage.state_dir)}  # fmt: skip
    with stage.agent(**environment) as agent:
        agent.wait_ready()
        until = time.monotonic() + seconds
        players = [Player(stage.target, flows, f"{seed}:{n}", versions, until=until)
                   for n in range(CLIENTS)]  # fmt: skip
        writes = [write for player in players for write in player.join()]
        inode = (stage.state_dir / _FILE).stat().st_ino
        agent.kill()
    return Journal(journal, inode), writes, flows


def replay(journal: Journal, history: History, seed: int, images: int, syncs: bool = True) -> int:
    """Cuts the power before each write, before and after each sync; answers how many images were
    good.

    images: about how many. syncs: False forgets all of the second half but those of O_DSYNC, as
    a store that forgets to sync would.
    """
    dice = random.Random(seed)
    syncs_noted = sum(kind in (_SYNCED, _WRITE_SYNCED) for kind, *_ in journal.entries)
    share = min(1, images / (len(journal.entries) + 2 * syncs_noted))
    disk, reader = Disk(), Reader()

    def cut(chance: float, when: int) -> None:
        sure = history.acknowledged(when)
        if not sure:
            return
        revision, marks = reader.read(disk.after_failure(chance, dice))
        check(revision >= sure, "revision", sure, "was acknowledged, but", revision, "is there")
        check(marks == history.at(revision), "not as it was at revision", revision)

    try:
        for number, (kind, offset, when, data) in enumerate(journal.entries):
            looked_at = dice.random() < share
            if looked_at:
                cut(dice.choice([0, 0.1, 0.5, 0.9]), when)
            if kind in (_WRITE, _LENGTH):
                disk.write(offset, data if kind == _WRITE else None)
                continue
            if looked_at:
                cut(1, when)
            if kind == _WRITE_SYNCED:
                disk.sync_last()
            elif syncs or number < len(journal.entries) / 2:
                disk.sync()
            if looked_at:
                cut(0, when)
    finally:
        reader.close()
    return reader.opened


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, help="of writing; default: 20; 3 with --short")
    parser.add_argument("--images", type=int, help="default: 10,000; 500 with --short")
    options = parser.parse_args()
    seconds = options.seconds or (3 if options.short else 20)
    images = options.images or (500 if options.short else 10_000)
    print(f"power: seed {options.seed}", flush=True)
    with Stage() as stage:
        journal, writes, flows = record(stage, options.seed, seconds)
        opened = replay(journal, History(writes, flows), options.seed, images)
        syncs = sum(kind == _SYNCED for kind, *_ in journal.entries)
        print(f"power: {len(writes)} writes, {syncs} commits, {opened} images good", flush=True)
        try:
            replay(journal, History(writes, flows), options.seed, images, syncs=False)
        except Wrong as wrong:
            print(f"power: a store without syncs would be found out: {wrong}")
        else:
            raise Wrong("a store without syncs would not be found out")


if __name__ == "__main__":
    run(main)
