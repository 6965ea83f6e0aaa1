# SPDX-License-Identifier: Apache-2.0
"""Kills the agent again and again while four clients write, and looks at what is left.

After each kill every match is asked on the wire, with a packet of its own; after each start it is
compared with ListMarks, with the kernel's maps and once more with the wire.
"""

import contextlib
import itertools
import math
import random
import statistics
import struct
import threading
import time
from collections import Counter
from ipaddress import IPv6Network

from stage import Stage, arguments, run

# pylint: disable=wrong-import-order
from lib import pb
from lib.capture import Capture
from lib.client import Client, Refused
from lib.maps import Maps, expected, key_of
from lib.net import SINKS
from lib.packet import UDP
from lib.send import UDP_PORT
from register import Registers, Value, Write, Wrong, check

wm = pb.waymark
KEYS = 200
CLIENTS = 4
SOURCE_PORT = 20001
_IPV6_AUTOFLOWLABEL = 70
_VERSION_BITS = 12
_PAYLOAD = struct.Struct("!II")

# Where the agent kills itself, and at which pass at the latest.
WRITING = {"after-receive": 300, "before-map": 150, "inside-batch": 300, "after-map": 150,
           "after-commit": 150}  # fmt: skip
STARTING = {"while-pinning": 12, "while-attaching": 1, "while-migrating": 5}


def written(key: int, version: int) -> tuple[int, int]:
    """Label and DSCP of a version of a match; version 0: a packet that is not marked. Neither goes
    with another match, nor half of one with half of another."""
    if not version:
        return 0, 0
    low = version % (1 << _VERSION_BITS)
    return key << _VERSION_BITS | low, (low * 7 + low // 64 + key * 13) & 0x3F


def lifetime(version: int, lease: int) -> dict:
    """How long a version of a mark is to last: for good, for an hour, or as long as the lease."""
    if version % 5 == 0:
        return {"ttl": {"seconds": 3600}}
    return {"lease_id": lease} if version % 5 == 1 and lease else {}


class Flow:
    """One match, and the packets that it is for."""

    def __init__(self, key: int, network):
        self.key = key
        self.destination = str(network.new_destination())
        kind = key % 4
        self.match = wm.Match(destination=self.destination)
        if kind < 2:
            self.match.protocol, self.match.destination_port = UDP, UDP_PORT
        if kind == 0:
            self.match.source, self.match.source_port = str(network.node_address), SOURCE_PORT
        if kind == 3:
            subnet = IPv6Network((int(SINKS.network_address) + ((key + 1) << 64), 64))
            self.destination = str(subnet[1])
            self.match.destination = str(subnet)
        self.name = self.match.SerializeToString(deterministic=True)


class Player:
    """A client that writes until the agent is gone, or that moment of CLOCK_MONOTONIC has come."""

    def __init__(self, target, flows: list[Flow], seed: str, versions, lease=0, until=math.inf):
        self.writes: list[Write] = []
        self.failure: Exception | None = None
        self._target = target
        self._flows = flows
        self._random = random.Random(seed)
        self._versions = versions
        self._lease = lease
        self._until = until
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def join(self) -> list[Write]:
        self._thread.join(60)
        check(not self._thread.is_alive(), "a client hangs")
        if self.failure:
            raise self.failure
        return self.writes

    def _run(self) -> None:
        try:
            with Client(self._target) as client:
                while time.monotonic() < self._until and self._step(client):
                    pass
        except Exception as failure:  # for whoever joins
            self.failure = failure

    def _step(self, client: Client) -> bool:
        dice = self._random.random()
        if dice < 0.1:
            keys = self._random.sample(range(KEYS), self._random.randint(2, 16))
            number = next(self._versions)
            writes = [Write(key, next(self._versions), time.monotonic_ns(), batch=number,
                            place=place) for place, key in enumerate(keys)]  # fmt: skip
        else:
            version = next(self._versions) if dice < 0.8 else 0
            writes = [Write(self._random.randrange(KEYS), version, time.monotonic_ns())]
        self.writes += writes
        try:
            results = self._call(client, writes)
        except Refused as refused:
            check((refused.code, refused.reason) == ("UNAVAILABLE", ""), "refused:", refused)
            return False
        answered = time.monotonic_ns()
        for write, (outcome, revision) in zip(writes, results):
            write.answered, write.revision = answered, revision
            write.outcome = wm.Outcome.Name(outcome).removeprefix("OUTCOME_")
        return True

    def _call(self, client: Client, writes: list[Write]) -> list[tuple[int, int]]:
        if writes[0].batch:
            updates = [wm.MarkUpdate(set=self._mark(write)) for write in writes]
            answer = client.call("ApplyMarks", wm.ApplyMarksRequest(updates=updates))
            return [(result.outcome, result.revision) for result in answer.results]
        if writes[0].version:
            answer = client.call("SetMark", wm.SetMarkRequest(mark=self._mark(writes[0])))
        else:
            answer = client.clear(self._flows[writes[0].key].match)
        return [(answer.outcome, answer.header.revision)]

    def _mark(self, write: Write):
        label, dscp = written(write.key, write.version)
        cookie = f"{write.key}:{write.version}"
        match = self._flows[write.key].match
        # fmt: off
        return wm.Mark(match=match, flow_label=label, dscp=dscp, cookie=cookie,
                       **lifetime(write.version, self._lease))
        # fmt: on


class Loop:
    """The agent's lives and deaths, and what is known of the marks."""

    def __init__(self, stage: Stage, seed: int):
        self._stage = stage
        self._seed = seed
        self._random = random.Random(seed)
        self._flows = [Flow(key, stage.network) for key in range(KEYS)]
        self._keys = {flow.name: flow.key for flow in self._flows}
        self._versions = itertools.count(1)
        self.registers = Registers()
        self._pending: list[Write] = []  # since then
        self._probes = itertools.count()
        self._attach = "auto"
        self._lease = 0
        self._migrating = False  # an agent may be the first to find another size
        self._marking = False  # what was in force is, whether an agent runs or not
        self.crashes = 0
        self.deaths: list[str] = []
        self.starts: list[float] = []
        self.writes = self.acknowledged = 0

    # ---- what there is ----

    def _probe(self) -> dict[int, int]:
        """Version that a packet of each match carries, as it arrives."""
        network, number = self._stage.network, next(self._probes)
        with Capture(network.peer, "data0") as capture, contextlib.ExitStack() as stack:
            sender = stack.enter_context(network.node.socket(10, 2))
            sender.setsockopt(41, _IPV6_AUTOFLOWLABEL, 0)
            sender.bind((str(network.node_address), SOURCE_PORT))
            for flow in self._flows:
                sender.sendto(_PAYLOAD.pack(number, flow.key), (flow.destination, UDP_PORT))
            packets = capture.wait(KEYS, lambda packet: packet.source_port == SOURCE_PORT)
        labels = {}
        for packet in packets:
            tag, key = _PAYLOAD.unpack(packet.payload)
            check(tag == number, "a packet of another round")
            labels[key] = packet.flow_label, packet.dscp
        return labels

    def _check_wire(self, possible: dict[int, set[int]]) -> None:
        """possible: versions of the matches that may have another one than the register's."""
        for key, found in self._probe().items():
            versions = possible.get(key, {self.registers.version(key)})
            allowed = {written(key, version) for version in versions}
            check(found in allowed, "packets of key", key, "carry", found, "not", allowed)

    def _settle(self) -> None:
        with Client(self._stage.target) as client:
            marks = client.marks()
            revision = client.stats().header.revision
        found = {}
        for mark in marks:
            key = self._keys[mark.match.SerializeToString(deterministic=True)]
            said, version = map(int, mark.cookie.split(":"))
            check(said == key, "key", key, "has the mark of", said)
            check((mark.flow_label, mark.dscp) == written(key, version), "mixed:", mark)
            wanted = wm.Mark(**lifetime(version, self._lease))
            check((mark.ttl, mark.lease_id) == (wanted.ttl, wanted.lease_id), "lifetime:", mark)
            found[key] = Value(version, mark.revision)
        check(len(found) == len(marks), "a match is listed twice")
        self.registers.settle(self._pending, found, revision)
        self._pending = []
        self._check_maps(marks)
        self._check_wire({})

    def _check_maps(self, marks) -> None:
        maps = Maps(self._stage.pin_dir)
        if self.crashes % 10 == 0:
            check(maps.contents() == expected(marks), "the maps do not hold what is listed")
        check(maps.matches().keys() == {key_of(mark.match) for mark in marks},
              "the maps have other matches than the list")  # fmt: skip

    # ---- one life ----

    def _note_death(self, how: str) -> None:
        self.crashes += 1
        self.deaths.append(how)
        if self.crashes % 100 == 0:
            print(f"crash: {self.crashes} crashes", flush=True)

    def _draw(self, name: str, passes: int) -> str:
        """Early passes are as likely as late ones are together."""
        return f"{name}:{int(passes ** self._random.random())}"

    def _start(self, failpoint: str):
        environment = {"WAYMARK_FAILPOINT": failpoint} if failpoint else {}
        return self._stage.agent("--attach", self._attach, **environment)

    def _die_young(self) -> None:
        """A death before it serves."""
        how = self._random.choice(["starting", "rebooting", *STARTING])
        if how in ("rebooting", "while-pinning"):
            self._stage.forget_pins()
            self._marking = False
        if how == "while-migrating":
            if not self._marking or self._migrating:
                return
            self._stage.resize()
            self._migrating = True
        failpoint = self._draw(how, STARTING[how]) if how in STARTING else ""
        agent = self._start(failpoint)
        with contextlib.ExitStack() as stack:
            stack.push(agent)
            usual = statistics.median(self.starts or [0.2])
            if not agent.ends_in(30 if failpoint else self._random.uniform(0, usual)):
                check(not failpoint, "not killed by", failpoint)
                agent.kill()
        self._note_unserved(how)

    def _note_unserved(self, how: str) -> None:
        """What nobody has settled yet may be undone, or not; and only a reboot undoes the rest."""
        self._note_death(how)
        if self._marking:
            self._check_wire(self.registers.possible(self._pending))

    def _grant_lease(self) -> None:
        with Client(self._stage.target) as client:
            granted = client.call("GrantLease", wm.GrantLeaseRequest(ttl={"seconds": 86400}))
            self._lease = granted.lease.lease_id

    def _revoke_lease(self) -> None:
        """What hangs on it goes, as the agents since have known it to hang there."""
        held = {key for key, value in self.registers.values.items() if value.version % 5 == 1}
        with Client(self._stage.target) as client:
            revoked = client.call("RevokeLease", wm.RevokeLeaseRequest(lease_id=self._lease))
        check(revoked.removed == len(held), revoked, "but", len(held), "hung on it")
        left = {key: {0} for key in held}
        self._check_wire(left)

    def _live(self) -> None:
        """One agent from its start to its death: it must know what was acknowledged before."""
        name = self._random.choice(list(WRITING))
        failpoint = self._draw(name, WRITING[name]) if self._random.random() < 0.6 else ""
        began = time.monotonic()
        with contextlib.ExitStack() as stack:
            agent = stack.enter_context(self._start(failpoint))
            if not agent.serves():
                # Restoring programs the kernel too.
                self._note_unserved(f"{name} at the start")
                return
            self._marking = True
            self._migrating = False
            self.starts.append(time.monotonic() - began)
            try:
                self._settle()
                if not self._lease:
                    self._grant_lease()
            except Refused as refused:
                check(failpoint and agent.ends_in(5), "refused:", refused)
                self._note_unserved(f"{name} while looking")
                return
            players = [Player(self._stage.target, self._flows, f"{self._seed}:{self.crashes}:{n}",
                              self._versions, self._lease) for n in range(CLIENTS)]  # fmt: skip
            fired = agent.ends_in(0.5 if failpoint else self._random.uniform(0.05, 0.5))
            if not fired:
                agent.kill()
        self._note_death(name if fired else "writing")
        self._pending = [write for player in players for write in player.join()]
        self.writes += len(self._pending)
        self.acknowledged += sum(1 for write in self._pending if write.answered)
        self._check_wire(self.registers.possible(self._pending))

    def play(self, crashes: int) -> None:
        try:
            for _ in range(3):  # before there is any store
                self._die_young()
            while self.crashes < crashes:
                self._live()
                if self._random.random() < 0.1:
                    self._attach = self._random.choice(["auto", "clsact"])
                while self._random.random() < 0.3:
                    self._die_young()
            with self._start("") as agent:
                agent.wait_ready()
                self._settle()
                self._revoke_lease()
        except AssertionError as finding:
            raise Wrong(f"after {self.crashes} crashes, the last {self.deaths[-4:]}, "
                        f"attached by {self._attach}: {finding}") from finding  # fmt: skip


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--crashes", type=int, help="default: 500; 50 with --short")
    options = parser.parse_args()
    crashes = options.crashes or (50 if options.short else 500)
    print(f"crash: seed {options.seed}", flush=True)
    with Stage() as stage:
        loop = Loop(stage, options.seed)
        loop.play(crashes)
        check(set(loop.deaths) & WRITING.keys(), "no failpoint has fired: not built with them?")
        check(statistics.median(loop.starts) < 2, "starts are slow:", loop.starts)
        # fmt: off
        print(f"crash: {loop.crashes} crashes, {dict(Counter(loop.deaths))}; "
              f"{loop.writes} writes, {loop.acknowledged} acknowledged; of the others "
              f"{loop.registers.applied} had happened; start: median "
              f"{statistics.median(loop.starts):.3f} s, longest {max(loop.starts):.3f} s")
        # fmt: on


if __name__ == "__main__":
    run(main)
