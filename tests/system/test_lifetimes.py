# SPDX-License-Identifier: Apache-2.0
"""Marks with a ttl: renewed, gone on time, with the agent alive or dead."""

import struct
import subprocess
import time
from dataclasses import dataclass
from ipaddress import IPv6Network
from pathlib import Path

import pytest

from lib import pb
from lib.client import Client, Refused
from lib.net import NODE_INTERFACE
from lib.send import UdpSender

wm = pb.waymark
SECOND = 1_000_000_000
TWO_JIFFIES = SECOND // 50  # of the slowest kernel, 100 Hz
PACE = 0.002  # between packets, so that the capture keeps up
STAMP = struct.Struct("=Q")
DAY = 24 * 60 * 60
OFFSET = struct.Struct("=q")
SHIM = Path(__file__).resolve().parent / "helpers/wall_clock.c"


@pytest.fixture
def agent(start_agent):
    """One for each test: others here start agents of their own, and a namespace holds one."""
    with start_agent() as agent:
        yield agent


def boottime() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


@dataclass
class Deadline:
    """Where on CLOCK_BOOTTIME the deadline is: between before the call and after it."""

    earliest: int
    latest: int


# s; an agent with sanitizers on a busy machine may take two to restart.
RESTART_TTL = 5


def set_for(client, destination, ttl: float, **mark) -> Deadline:
    """SetMark with a ttl in seconds."""
    nanoseconds = int(ttl * SECOND)
    before = boottime()
    client.set(destination, ttl=duration(nanoseconds), **mark)
    return Deadline(before + nanoseconds, boottime() + nanoseconds)


def duration(nanoseconds: int) -> dict[str, int]:
    return {"seconds": nanoseconds // SECOND, "nanos": nanoseconds % SECOND}


def is_there(client, destination) -> bool:
    try:
        client.get(destination)
    except Refused as refused:
        assert (refused.code, refused.reason) == ("NOT_FOUND", "MARK")
        return False
    return True


def removal(client, destination, timeout: float = 10) -> int:
    """Asks until the mark is gone; answers when that was."""
    end = boottime() + int(timeout * SECOND)
    while is_there(client, destination):
        assert boottime() < end, "the mark is still there"
    return boottime()


def send_past(sender, deadline: Deadline) -> int:
    """Sends packets, each with its time, until the deadline is well behind; answers how many."""
    count = 0
    while (now := boottime()) < deadline.latest + 5 * TWO_JIFFIES:
        sender.send(STAMP.pack(now))
        count += 1
        time.sleep(PACE)
    return count


def assert_marked_until(deadline: Deadline, packets, label: int) -> None:
    """The packets carry the label before the deadline and none after it."""
    stamped = [(STAMP.unpack(packet.payload)[0], packet.flow_label) for packet in packets]
    early = {found for stamp, found in stamped if stamp < deadline.earliest - TWO_JIFFIES}
    late = {found for stamp, found in stamped if stamp > deadline.latest + TWO_JIFFIES}
    assert (early, late) == ({label}, {0})


# ---- what the API says ----


def test_a_ttl_is_answered_with_its_deadline(client, destination):
    before = time.time_ns()
    answer = client.set(destination, flow_label=1, ttl={"seconds": 90, "nanos": 5})
    assert answer.outcome == wm.OUTCOME_CREATED
    assert answer.mark.ttl.ToNanoseconds() == 90 * SECOND + 5
    late = answer.mark.expire_time.ToNanoseconds() - (before + 90 * SECOND)
    assert 0 <= late < SECOND
    read = client.get(destination)
    assert read.ttl == answer.mark.ttl
    assert abs(read.expire_time.ToNanoseconds() - answer.mark.expire_time.ToNanoseconds()) < SECOND


def test_without_a_ttl_a_mark_lives_for_ever(client, destination):
    mark = client.set(destination, flow_label=1).mark
    assert mark.WhichOneof("lifetime") is None and not mark.HasField("expire_time")


def test_the_bounds_of_a_ttl(client, destination):
    limits = client.stats().limits
    shortest, longest = limits.min_ttl.ToNanoseconds(), limits.max_ttl.ToNanoseconds()
    assert shortest == SECOND < longest
    for ttl in (0, 999_999_999, longest + 1, longest + SECOND):
        with pytest.raises(Refused) as refused:
            client.set(destination, flow_label=1, ttl=duration(ttl))
        found = refused.value
        assert (found.code, found.reason) == ("INVALID_ARGUMENT", "OUT_OF_RANGE")
        assert found.field == "mark.ttl"
        assert not is_there(client, destination)
    for ttl in (longest, shortest):
        assert client.set(destination, flow_label=1, ttl=duration(ttl)).mark.ttl.seconds


def test_an_equal_set_renews(client, destination):
    mark = {"flow_label": 1, "ttl": {"seconds": 60}}
    first = client.set(destination, **mark)
    again = client.set(destination, **mark)
    assert again.outcome == wm.OUTCOME_UNCHANGED
    assert again.header.revision == again.mark.revision == first.mark.revision
    then, now = (answer.mark.expire_time.ToNanoseconds() for answer in (first, again))
    assert then < now < then + 10 * SECOND


@pytest.mark.parametrize("other", [{"seconds": 61}, {"seconds": 60, "nanos": 1}, None])
def test_another_lifetime_is_an_update(client, destination, other):
    first = client.set(destination, flow_label=1, ttl={"seconds": 60}).mark
    for ttl in (other, {"seconds": 60}):
        answer = client.set(destination, flow_label=1, **({"ttl": ttl} if ttl else {}))
        assert answer.outcome == wm.OUTCOME_UPDATED
        assert answer.mark.HasField("expire_time") == bool(ttl)
    assert answer.mark.revision == first.revision + 2
    assert answer.mark.create_time == first.create_time


def test_what_has_a_ttl_can_be_cleared(client, destination):
    mark = client.set(destination, flow_label=1, ttl={"seconds": 60}).mark
    answer = client.clear(destination)
    assert answer.outcome == wm.OUTCOME_REMOVED
    assert answer.mark.ttl == mark.ttl


# ---- the deadline ----


def test_expiry_removes_within_a_second_and_is_a_revision(client, network, destination):
    forever = network.new_destination()
    client.set(forever, flow_label=2)
    deadline = set_for(client, destination, 1, flow_label=1)
    before = client.stats()
    gone = removal(client, destination)
    assert deadline.earliest - TWO_JIFFIES <= gone < deadline.latest + SECOND
    after = client.stats()
    assert after.header.revision == before.header.revision + 1
    assert after.caller.mark_count == before.caller.mark_count - 1
    assert [mark.match.destination for mark in client.marks()] == [str(forever)]
    assert client.clear(destination).outcome == wm.OUTCOME_ABSENT


def test_a_mark_that_expired_is_created_anew_from_zero(client, network, destination):
    set_for(client, destination, 1, flow_label=1)
    first = client.get(destination)
    with UdpSender(network.node, destination) as sender:
        sender.send(b"x")
    assert client.get(destination).counters.packets == 1
    removal(client, destination)
    second = client.set(destination, flow_label=1, ttl={"seconds": 60})
    assert second.outcome == wm.OUTCOME_CREATED
    assert second.mark.counters == wm.Counters()
    assert second.mark.create_time.ToNanoseconds() > first.create_time.ToNanoseconds()


def test_renewal_keeps_a_mark_alive(client, network, capture, destination):
    first = set_for(client, destination, 1, flow_label=7)
    with UdpSender(network.node, destination, auto_label=False) as sender:
        while boottime() < first.latest + SECOND // 2:
            last = set_for(client, destination, 1, flow_label=7)
            sender.send(b"x")
            time.sleep(PACE)
        count = client.get(destination).counters.packets
        arrived = capture.wait(count, lambda packet: packet.destination == destination)
    assert {packet.flow_label for packet in arrived} == {7}
    assert removal(client, destination) < last.latest + SECOND


def test_expiry_uncovers_what_is_less_specific(client, network, capture, destination):
    network_match = wm.Match(destination=str(IPv6Network((destination, 127), strict=False)))
    client.set(network_match, flow_label=5)
    deadline = set_for(client, destination, 1, flow_label=6)
    with UdpSender(network.node, destination, auto_label=False) as sender:
        count = send_past(sender, deadline)
        arrived = capture.wait(count, lambda packet: packet.destination == destination)
    stamped = [(STAMP.unpack(packet.payload)[0], packet.flow_label) for packet in arrived]
    assert {label for _, label in stamped} == {5, 6}
    assert all(label == 6 for stamp, label in stamped if stamp < deadline.earliest - TWO_JIFFIES)
    assert all(label == 5 for stamp, label in stamped if stamp > deadline.latest + TWO_JIFFIES)


# ---- without the agent ----


def skipped(client, reason: int) -> int:
    (interface,) = [row for row in client.stats().interfaces if row.name == NODE_INTERFACE]
    return {skip.reason: skip.packets for skip in interface.skipped}.get(reason, 0)


def test_marks_stop_on_time_with_the_agent_dead(
    start_pinned, attach_mode, network, capture, destination
):
    with UdpSender(network.node, destination, auto_label=False) as sender:
        with start_pinned("--attach", attach_mode) as agent, Client(agent.target) as client:
            deadline = set_for(client, destination, 2, flow_label=0xABCDE)
            agent.kill()
        count = send_past(sender, deadline)
        arrived = capture.wait(count, lambda packet: packet.destination == destination)
    assert_marked_until(deadline, arrived, 0xABCDE)
    marked = sum(packet.flow_label == 0xABCDE for packet in arrived)
    with start_pinned("--attach", attach_mode) as agent, Client(agent.target) as client:
        assert skipped(client, wm.SKIP_REASON_EXPIRED) == count - marked
        removal(client, destination, 1)


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_restart_keeps_the_deadline(start_pinned, network, capture, destination, end):
    with start_pinned() as agent:
        with Client(agent.target) as client:
            deadline = set_for(client, destination, RESTART_TTL, flow_label=1)
            before = client.get(destination)
        getattr(agent, end)()
    with start_pinned() as agent, Client(agent.target) as client:
        after = client.get(destination)
        drift = after.expire_time.ToNanoseconds() - before.expire_time.ToNanoseconds()
        assert abs(drift) < TWO_JIFFIES
        assert (after.ttl, after.revision) == (before.ttl, before.revision)
        with UdpSender(network.node, destination, auto_label=False) as sender:
            count = send_past(sender, deadline)
            arrived = capture.wait(count, lambda packet: packet.destination == destination)
        assert_marked_until(deadline, arrived, 1)
        assert removal(client, destination) < deadline.latest + SECOND


# ---- with a wall clock that jumps ----


class WallClock:
    """The CLOCK_REALTIME of agents that start while it is preloaded; others keep theirs."""

    def __init__(self, directory):
        self._file = directory / "offset"
        self._file.write_bytes(OFFSET.pack(0))
        self.library = directory / "wall_clock.so"
        # fmt: off
        subprocess.run(["gcc", "-Wall", "-Werror", "-O2", "-shared", "-fPIC",
                        "-o", self.library, SHIM], check=True)
        # fmt: on

    def jump(self, seconds: int) -> None:
        with self._file.open("r+b") as file:
            file.write(OFFSET.pack(seconds))

    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.library), "WALL_CLOCK": str(self._file)}


@pytest.fixture
def wall_clock(tmp_path, monkeypatch):
    clock = WallClock(tmp_path)
    for name, value in clock.environment().items():
        monkeypatch.setenv(name, value)
    return clock


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_a_wall_clock_that_jumps_moves_no_deadline(
    start_pinned, wall_clock, network, capture, destination, jump
):
    with start_pinned() as agent, Client(agent.target) as client:
        deadline = set_for(client, destination, RESTART_TTL, flow_label=1)
        before = client.get(destination).expire_time.ToNanoseconds()
        wall_clock.jump(jump)
        after = client.get(destination).expire_time.ToNanoseconds()
        assert abs(after - before - jump * SECOND) < TWO_JIFFIES  # it did jump
        agent.kill()
    with start_pinned() as agent, Client(agent.target) as client:
        after = client.get(destination).expire_time.ToNanoseconds()
        assert abs(after - before - jump * SECOND) < TWO_JIFFIES
        with UdpSender(network.node, destination, auto_label=False) as sender:
            count = send_past(sender, deadline)
            arrived = capture.wait(count, lambda packet: packet.destination == destination)
        assert_marked_until(deadline, arrived, 1)
        assert removal(client, destination) < deadline.latest + SECOND
