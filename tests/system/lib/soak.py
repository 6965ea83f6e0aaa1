# SPDX-License-Identifier: Apache-2.0
"""Clients that behave badly, round after round, and what the agent keeps of them: nothing."""

import contextlib
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import grpc

from lib import REPOSITORY, pb
from lib.agent import SANITIZERS, Agent
from lib.client import Client
from lib.net import NODE_INTERFACE

wm = pb.waymark
_SYSTEM = REPOSITORY / "tests/system"
_MARKS = 2000
_SLACK = 8 << 20  # octets, beside a twentieth
_PATIENCE = 30
# A thread that asks the kernel for routes keeps a socket from its first question on.
_LATE_SOCKETS = 2
# Changes that are kept would rise for longer than a run lasts.
_CONFIG = "capacity: {marks: 16384, networks: 1024}\nhistory: 10000\n"
# What ASan keeps aside, and notes of who has allocated, would be most of what is seen.
_ASAN = "quarantine_size_mb=1:thread_local_quarantine_size_kb=64:malloc_context_size=2"
ENVIRONMENT = {"ASAN_OPTIONS": f"{SANITIZERS['ASAN_OPTIONS']}:{_ASAN}"}


class Level(NamedTuple):
    """What the agent holds when nobody wants anything of it."""

    memory: int  # octets, RssAnon
    descriptors: int


@contextlib.contextmanager
def running_agent(space, directory, echo=lambda line: None):
    target = f"unix:{directory}/soak.sock"
    config = Path(directory) / "soak.yaml"
    config.write_text(_CONFIG, encoding="ascii")
    options = ("--config", str(config), "--interface", NODE_INTERFACE, "--listen", target)
    with Agent(space, *options, echo=echo, environment=ENVIRONMENT) as agent:
        agent.target = target
        yield agent.wait_ready()


class Soak:
    """One agent, and the rounds that it has to bear."""

    def __init__(self, agent: Agent):
        self._agent = agent
        self.levels: list[Level] = []

    def run(self, seconds: float) -> None:
        """Rounds for so long, then the verdict."""
        end = time.monotonic() + seconds
        with Client(self._agent.target) as client:
            client.wait_serving()
            idle = self._level().descriptors
            while time.monotonic() < end or len(self.levels) < 6:
                self._round(client)
                self.levels.append(self._settle(client, idle))
        self._judge()

    def _judge(self) -> None:
        """The last third against the second: the first is for caches that fill up."""
        third = len(self.levels) // 3
        before = statistics.median(level.memory for level in self.levels[third : 2 * third])
        after = statistics.median(level.memory for level in self.levels[-third:])
        assert after <= before * 1.05 + _SLACK, f"memory rises: {self.levels}"

    def _round(self, client: Client) -> None:
        marks = [
            {"match": {"destination": f"2001:db8:50a::{number:x}"}, "flow_label": 1}
            for number in range(1, _MARKS + 1)
        ]
        with _slow_watchers(self._agent.target, 8), _vanishing(self._agent.target, 5000) as vanish:
            client.replace(marks)
            _cancelled(self._agent.target, marks)
            _too_late(self._agent.target, marks)
            vanish()
            lease = client.grant(600).lease_id
            client.apply(*({"set": mark | {"lease_id": lease}} for mark in marks))
            client.revoke(lease)
        client.replace([], allow_empty=True)
        assert client.marks() == client.leases() == [], "what was not finished has left something"

    def _settle(self, client: Client, idle: int) -> Level:
        """Waits until the connections of the round are closed."""
        end = time.monotonic() + _PATIENCE
        while True:
            client.stats()
            level = self._level()
            if level.descriptors <= idle + _LATE_SOCKETS:
                return level
            assert time.monotonic() < end, f"descriptors leak: {idle}, then {level}"
            time.sleep(0.01)

    def _level(self) -> Level:
        process = Path("/proc", str(self._agent.pid))
        (kilobytes,) = re.findall(r"RssAnon:\s+(\d+)", (process / "status").read_text())
        return Level(int(kilobytes) * 1024, len(os.listdir(process / "fd")))


@contextlib.contextmanager
def _slow_watchers(target: str, count: int):
    """Watches of which nothing is read but the first message."""
    with contextlib.ExitStack() as clients:
        calls = []
        for _ in range(count):
            client = clients.enter_context(Client(target))
            calls.append(client.start_stream("WatchMarks", wm.WatchMarksRequest()))
            next(calls[-1])
        yield
        for call in calls[::2]:
            call.cancel()  # the others go with their connections


@contextlib.contextmanager
def _vanishing(target: str, marks: int):
    """A process that declares so many marks; the function it is yielded as kills it then."""
    command = [sys.executable, "-B", _SYSTEM / "helpers/vanish.py", target, str(marks)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(_SYSTEM)}
    ) as process:

        def vanish() -> None:
            assert process.stdout.readline() == b"sent\n"
            process.kill()

        try:
            yield vanish
        finally:
            process.kill()


def _cancelled(target: str, marks: list) -> None:
    """Calls that are cancelled at once, some of them before their turn."""
    with Client(target) as client:
        batch = wm.ApplyMarksRequest(updates=[{"set": mark} for mark in marks])
        calls = [client.start("ApplyMarks", batch) for _ in range(4)]
        calls += [client.start("SetMark", wm.SetMarkRequest(mark=mark)) for mark in marks[:80]]
        for call in calls[1:]:
            call.cancel()
        _finish(calls)


def _too_late(target: str, marks: list) -> None:
    """Calls whose deadline passes while they queue behind a big batch."""
    with Client(target) as client:
        batch = wm.ApplyMarksRequest(updates=[{"set": mark} for mark in marks])
        calls = [client.start("ApplyMarks", batch)]
        calls += [
            client.start("SetMark", wm.SetMarkRequest(mark=mark), timeout=0.002)
            for mark in marks[:80]
        ]
        _finish(calls)


def _finish(calls: list) -> None:
    """Waits for the calls, and for what a failed one has failed of."""
    done = threading.Semaphore(0)
    for call in calls:
        call.add_done_callback(lambda _: done.release())
    for call in calls:
        assert done.acquire(timeout=_PATIENCE)  # pylint: disable=consider-using-with
        with contextlib.suppress(grpc.FutureCancelledError):
            if call.done() and not call.cancelled():
                assert call.code() in (
                    grpc.StatusCode.OK,
                    grpc.StatusCode.DEADLINE_EXCEEDED,
                    grpc.StatusCode.ABORTED,
                ), call.details()
