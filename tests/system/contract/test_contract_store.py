# SPDX-License-Identifier: Apache-2.0
"""A disk that is full: nothing is half done, and everybody is asked to come back (decision 19)."""

import subprocess
import tempfile
from pathlib import Path

import pytest

from lib import pb
from lib.agent import clean
from lib.client import Client
from lib.maps import Maps
from lib.refused import refused
from lib.send import UdpSender
from lib.watch import Watch, state

wm = pb.waymark
ALL = wm.ATOMICITY_ALL_OR_NOTHING


@pytest.fixture
def disk():
    """A file system with little room."""
    with tempfile.TemporaryDirectory(prefix="waymark-disk-") as name:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", name], check=True)
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


def fill(disk) -> Path:
    """Takes all the room that is left."""
    ballast = disk / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return ballast


def marks(count: int, label: int) -> list[dict]:
    return [
        {"match": {"destination": f"2001:db8:d15c::{number:x}"}, "flow_label": label}
        for number in range(1, count + 1)
    ]


def test_a_full_disk_refuses_and_puts_back(
    request, start_agent, disk, directory, pin_dir, network, capture, destination
):
    config = directory / "disk.yaml"
    config.write_text("capacity: {marks: 4096, networks: 16}\n", encoding="ascii")
    options = ("--state-dir", str(disk / "state"), "--pin-dir", str(pin_dir), "--config", config)
    (disk / "state").mkdir(mode=0o700)
    request.addfinalizer(lambda: clean(network.node, pin_dir))
    with start_agent(*map(str, options)) as agent, Client(agent.target) as client:
        client.set(destination, flow_label=0x111)
        with Watch(client) as watch:
            watch.wait_synced()
            ballast = fill(disk)
            before = state(client.marks()), client.stats().header, Maps(pin_dir).contents()
            with refused("UNAVAILABLE", "STORE"):
                client.apply(*({"set": mark} for mark in marks(3000, 1)), atomicity=ALL)
            with refused("UNAVAILABLE", "STORE"):
                client.replace(marks(3000, 2))
            after = state(client.marks()), client.stats().header, Maps(pin_dir).contents()
            assert after == before
            with UdpSender(network.node, destination, auto_label=False) as sender:
                sender.send(b"x")
                (packet,) = capture.wait(1, lambda packet: packet.destination == destination)
            assert packet.flow_label == 0x111
            ballast.unlink()
            answer = client.set(destination, flow_label=0x222)
            assert answer.outcome == wm.OUTCOME_UPDATED
            assert answer.header.revision == before[1].revision + 1
            watch.wait_revision(answer.header.revision)
            assert [event.revision for event in watch.events] == [1, 2]
