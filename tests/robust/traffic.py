# SPDX-License-Identifier: Apache-2.0
"""Traffic at a steady rate while agents are killed, started and replaced by other builds.

Every packet must arrive with its mark, and every packet must be counted, once.
"""

import json
import random
import socket
import statistics
import struct
import subprocess
import time
from collections import Counter
from ipaddress import IPv6Network

from stage import REPOSITORY, Stage, arguments, run

# pylint: disable=wrong-import-order
from lib import pb
from lib.client import Client
from lib.net import NODE_INTERFACE, SINKS
from lib.packet import UDP

wm = pb.waymark
HELPERS = REPOSITORY / "tests/system/helpers"
RECORD = struct.Struct("=IIHHHBB16s12s")
STAMP = struct.Struct("=qq")
PORT = 7101
FLOWS = 12
LEAST_RATE = 20_000
_MODES = "tcx", "clsact", "mixed"  # mixed: each agent draws one
LABEL, DSCP = 0x5A5A0, 0x2B
BYSTANDERS = IPv6Network("2001:db8:b:ffff::/64")  # get marks, but no packets


def check(holds: bool, *what) -> None:
    if not holds:
        raise AssertionError(" ".join(map(str, what)))


def matches(network) -> list:
    """Of each kind."""
    hosts = [str(network.new_destination()) for _ in range(3)]
    # fmt: off
    return [
        wm.Match(destination=hosts[0], destination_port=PORT, protocol=UDP,
                 source=str(network.node_address), source_port=20000),
        wm.Match(destination=hosts[1], destination_port=PORT, protocol=UDP),
        wm.Match(destination=hosts[2]),
        wm.Match(destination=str(IPv6Network((int(SINKS.network_address) + (7 << 64), 64)))),
    ]
    # fmt: on


class Traffic:
    """Numbered datagrams of FLOWS flows, and who writes down what arrives."""

    def __init__(self, stage: Stage, marks: list):
        self._stage = stage
        self._file = stage.directory / "records"
        destinations = [match.destination.replace("/64", "1") for match in marks]
        words = []
        for flow in range(FLOWS):
            kind = flow % len(marks)
            source_port = 20000 if kind == 0 else 20000 + flow
            words += [destinations[kind], str(PORT), str(source_port)]
        with self._file.open("wb") as file:
            self._record = self._start(
                stage.network.peer, "record", "data0", str(SINKS.network_address), stdout=file
            )
        check(self._record.stderr.readline() == b"ready\n", "the recorder does not start")
        # Nobody reads it, but the peer does not refuse what comes.
        self._taker = stage.network.peer.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self._taker.bind(("::", PORT))
        self._stamp = self._start(
            stage.network.node, "stamp", str(stage.network.node_address), *words
        )

    def _start(self, space, name: str, *words: str, stdout=subprocess.PIPE) -> subprocess.Popen:
        program = self._stage.directory / name
        subprocess.run(
            ["gcc", "-O2", "-Wall", "-Werror", HELPERS / f"{name}.c", "-o", program], check=True
        )
        with space:
            return subprocess.Popen(
                # A steady rate, whoever else is busy.
                ["setpriv", "--pdeathsig", "KILL", "nice", "-n", "-15", program, *words],
                stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.PIPE,
            )  # fmt: skip

    def end(self) -> tuple[list, list]:
        """When each packet was sent, and what has arrived."""
        check(self._stamp.poll() is None, "the sender has ended by itself")
        sent, complaints = self._stamp.communicate(timeout=30)
        check(self._stamp.returncode == 0, complaints)
        stamps = list(STAMP.iter_unpack(sent))
        _, complaints = self._record.communicate(str(len(stamps)).encode(), timeout=30)
        check(self._record.returncode == 0, complaints.decode())
        self._taker.close()
        return stamps, list(RECORD.iter_unpack(self._file.read_bytes()))


class Loop:
    """One agent after the other."""

    def __init__(self, stage: Stage, seed: int, attach: str):
        self._stage = stage
        self._random = random.Random(seed)
        self._attach = attach
        self._program = "waymarkd"
        self._counted: dict[bytes, tuple[int, int]] = {}
        self.kills = 0
        self.starts: list[float] = []
        self.tags: set[str] = set()

    @property
    def counted(self) -> int:
        """Packets, as the last agent said at its start."""
        return self._counted[b"all"][0]

    def _tag(self, mode: str) -> str:
        """The kernel's own word for which program hangs on the interface."""
        if mode == "clsact":
            listed = self._stage.network.node.run(
                "tc", "-j", "filter", "show", "dev", NODE_INTERFACE, "egress")  # fmt: skip
            return json.loads(listed)[-1]["options"]["prog"]["tag"]
        number = self._stage.network.node.interface_index(NODE_INTERFACE)
        pin = f"{self._stage.pin_dir}/links/{number}-egress"
        link = self._bpftool("link", "show", "pinned", pin)
        return self._bpftool("prog", "show", "id", str(link["prog_id"]))["tag"]

    @staticmethod
    def _bpftool(*words: str) -> dict:
        return json.loads(subprocess.run(["bpftool", "-j", *words], check=True,
                                         capture_output=True).stdout)  # fmt: skip

    def _check_counters(self, client: Client) -> None:
        """None has gone back."""
        counters = {mark.match.SerializeToString(): mark.counters
                    for mark in client.marks(with_counters=True)}  # fmt: skip
        counters[b"all"] = client.stats().marked
        for name, now in counters.items():
            then = self._counted.get(name, (0, 0))
            value = now.packets, now.bytes
            check(value >= then, "counters of", name, "went from", then, "to", value)
            self._counted[name] = value

    def _disturb(self, client: Client) -> None:
        """Other marks come, change and go, next to those that the traffic is for."""
        for _ in range(self._random.randint(0, 20)):
            other = IPv6Network((int(BYSTANDERS[self._random.randrange(100)]), 128))
            match = wm.Match(destination=str(other[0]) if self._random.random() < 0.7
                             else str(other.supernet(new_prefix=120)))  # fmt: skip
            if self._random.random() < 0.6:
                client.set(match, flow_label=self._random.randrange(1 << 20))
            else:
                client.clear(match)

    def live(self, begin=lambda client: None) -> None:
        """One agent, from its start to a random moment soon after, or before, it serves."""
        mode = self._random.choice(("tcx", "clsact")) if self._attach == "mixed" else self._attach
        options = ("--attach", mode)
        while self.starts and self._random.random() < 0.3:
            with self._stage.agent(*options, program=self._program) as agent:
                agent.ends_in(self._random.uniform(0, min(self.starts)))
                agent.kill()
                self.kills += 1
        began = time.monotonic()
        with self._stage.agent(*options, program=self._program) as agent:
            agent.wait_ready()
            self.starts.append(time.monotonic() - began)
            with Client(self._stage.target) as client:
                begin(client)
                self._check_counters(client)
                self._disturb(client)
            self.tags.add(self._tag(mode))
            agent.kill()
            self.kills += 1

    def upgrade(self) -> None:
        """The agents that come have other programs, and half of the time tables of another size."""
        if self._random.random() < 0.5:
            self._stage.resize()
        self._program = "waymarkd_next" if self._program == "waymarkd" else "waymarkd"


def judge(stamps: list, arrived: list, counted: int, some_twice: bool) -> None:
    """Every packet that was sent has arrived with the mark, and counts once; where tcx and clsact
    relieve each other some may count twice, for neither goes before the other is there."""
    labels = Counter((word & 0xFFFFF, word >> 22 & 0x3F) for word, *_ in arrived)
    del labels[LABEL, DSCP]
    check(not labels, "labels and DSCPs that nobody has set, with their packets:", dict(labels))
    numbers = sorted(int.from_bytes(payload[:4], "big") for *_, payload in arrived)
    check(numbers == list(range(len(stamps))), len(stamps), "sent", len(arrived), "arrived")
    check(counted == len(stamps) or some_twice and len(stamps) < counted < 1.1 * len(stamps),
          len(stamps), "sent", counted, "counted")  # fmt: skip


def play(stage: Stage, seed: int, attach: str, kills: int, upgrades: int) -> None:
    """The traffic through so many kills and upgrades, in any order."""
    loop = Loop(stage, seed, attach)
    marks = matches(stage.network)
    turns = [False] * kills + [True] * upgrades
    random.Random(seed).shuffle(turns)
    loop.live(lambda client: [client.set(match, flow_label=LABEL, dscp=DSCP) for match in marks])
    began = time.monotonic()
    traffic = Traffic(stage, marks)
    for is_upgrade in turns:
        if is_upgrade:
            loop.upgrade()
        loop.live()
    seconds = time.monotonic() - began
    stamps, arrived = traffic.end()
    loop.live()
    judge(stamps, arrived, loop.counted, attach == "mixed")
    rate = len(stamps) / seconds
    print(f"traffic, {attach}: {loop.kills} kills, {upgrades} upgrades; {len(stamps)} packets, "
          f"{rate:.0f}/s, all marked, {loop.counted} counted; start: median "
          f"{statistics.median(loop.starts):.3f} s, longest {max(loop.starts):.3f} s",
          flush=True)  # fmt: skip
    check(len(loop.tags) == (2 if upgrades else 1), "programs:", loop.tags)
    check(rate >= LEAST_RATE, f"only {rate:.0f} packets/s")


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--attach", choices=_MODES, action="append")
    options = parser.parse_args()
    print(f"traffic: seed {options.seed}", flush=True)
    with Stage() as stage:
        # Somebody else's: while one is added or removed the kernel drops what is to be sent.
        stage.network.node.run("tc", "qdisc", "add", "dev", NODE_INTERFACE, "clsact")
        for attach in options.attach or _MODES:
            # The helpers remember every packet: not too many at a time.
            for part in range(1 if options.short else 5):
                kills, upgrades = (12, 3) if options.short else (20, 4)
                play(stage, options.seed + part, attach, kills, upgrades)
                stage.forget_state()


if __name__ == "__main__":
    run(main)
