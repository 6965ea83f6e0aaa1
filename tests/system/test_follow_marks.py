# SPDX-License-Identifier: Apache-2.0
"""The watch of libwaymark, by its example: whatever happens to the agent, nothing is missed and
nothing comes twice."""

import contextlib
import os
import queue
import signal
import subprocess
import threading

import pytest

from lib.agent import BINARIES, Agent
from lib.client import Client
from lib.net import NODE_INTERFACE

TIMEOUT = 30


class Follower(contextlib.AbstractContextManager):
    """follow_marks, and its lines as they come."""

    def __init__(self, target: str):
        self._process = subprocess.Popen(
            [BINARIES / "follow_marks", target],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()
        self._process.stderr.close()

    def _read(self) -> None:
        for line in self._process.stdout:
            self._lines.put(line.split())

    def until(self, word: str) -> list[list[str]]:
        """Lines up to one that begins with the word."""
        lines = []
        while not lines or lines[-1][0] != word:
            lines.append(self._lines.get(timeout=TIMEOUT))
        return lines

    def stop(self) -> str:
        """Tells it to stop; its stderr."""
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(TIMEOUT) == 0
        return self._process.stderr.read()


def heads(lines: list[list[str]]) -> list[tuple[str, ...]]:
    """Word and destination of each line."""
    return [tuple(line[:2]) if line[0] in ("PUT", "REMOVED") else (line[0],) for line in lines]


@pytest.fixture
def destinations(network):
    return [network.new_destination() for _ in range(4)]


def puts(destinations) -> list[tuple[str, str]]:
    return [("PUT", str(destination)) for destination in destinations]


def test_goes_on_after_a_crash(start_pinned, destinations):
    agent = start_pinned()
    with Client(agent.target) as client:
        for destination in destinations[:2]:
            client.set(destination, flow_label=1)
        with Follower(agent.target) as follower:
            assert heads(follower.until("SYNCED")) == [*puts(destinations[:2]), ("SYNCED",)]
            client.clear(destinations[0])
            assert heads(follower.until("REMOVED")) == [("REMOVED", str(destinations[0]))]
            agent.kill()
            assert heads(follower.until("LOST")) == [("LOST",)]
            agent = start_pinned()
            with Client(agent.target) as client:
                client.set(destinations[2], flow_label=3)
            # Only what is new, before or after the watch has caught up.
            lines = follower.until("SYNCED")
            if len(lines) == 1:
                lines += follower.until("PUT")
            assert sorted(heads(lines)) == [*puts(destinations[2:3]), ("SYNCED",)]
            assert follower.stop() == ""


def test_begins_anew_with_another_state(network, directory, destinations):
    target = f"unix:{directory}/anew.sock"
    options = ("--interface", NODE_INTERFACE, "--listen", target)
    with contextlib.ExitStack() as stack:
        agent = stack.enter_context(Agent(network.node, *options)).wait_ready()
        with Client(target) as client:
            client.set(destinations[0], flow_label=1)
        follower = stack.enter_context(Follower(target))
        assert heads(follower.until("SYNCED")) == [*puts(destinations[:1]), ("SYNCED",)]
        agent.stop()
        stack.enter_context(Agent(network.node, *options)).wait_ready()
        with Client(target) as client:
            client.set(destinations[1], flow_label=1)
        assert heads(follower.until("RESET")) == [("LOST",), ("RESET",)]
        lines = heads(follower.until("SYNCED"))
        if len(lines) == 1:
            lines += heads(follower.until("PUT"))
        assert sorted(lines) == [*puts(destinations[1:2]), ("SYNCED",)]


def test_keepalive_finds_an_agent_that_hangs(agent, client, destination):
    client.set(destination, flow_label=1)
    with Follower(agent.target) as follower:
        follower.until("SYNCED")
        os.kill(agent.pid, signal.SIGSTOP)
        try:
            assert heads(follower.until("LOST")) == [("LOST",)]
        finally:
            os.kill(agent.pid, signal.SIGCONT)
        assert heads(follower.until("SYNCED")) == [("SYNCED",)]
        assert follower.stop() == ""
