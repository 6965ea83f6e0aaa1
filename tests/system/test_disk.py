# SPDX-License-Identifier: Apache-2.0
"""The disk fails while the agent runs: nothing is lost, and it recovers when the disk does."""

import resource
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from lib import pb
from lib.client import SERVICE, Client, Refused
from lib.send import UdpSender

SERVING = pb.health.HealthCheckResponse.SERVING
NOT_SERVING = pb.health.HealthCheckResponse.NOT_SERVING
DISK = 8 << 20
# Before it is refused, a write may find room in pages that the file has already.
WRITES = 5000


@pytest.fixture
def disk():
    with tempfile.TemporaryDirectory(prefix="waymark-disk-") as name:
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", name]
        subprocess.run(command, check=True)
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", name], check=True)


@contextmanager
def full_disk(_agent, disk: Path):
    filler = disk / "filler"
    try:
        with open(filler, "wb", buffering=0) as file, pytest.raises(OSError):
            while True:
                file.write(bytes(4096))
        yield "No space left on device"
    finally:
        filler.unlink()


@contextmanager
def no_write_works(agent, _disk: Path):
    """As an error of the device: every write of the agent to a file fails."""
    before = resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        yield "File too large"
    finally:
        resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, before)


def write_until_refused(client) -> list[str]:
    """Destinations that were acknowledged before."""
    written = []
    for number in range(WRITES):
        destination = f"2001:db8:d15c::{number:x}"
        try:
            client.set(destination, flow_label=1)
        except Refused as refused:
            assert (refused.code, refused.reason) == ("UNAVAILABLE", "STORE")
            return written
        written.append(destination)
    raise AssertionError(f"{WRITES} writes were taken")


@pytest.mark.parametrize("ill", [full_disk, no_write_works])
def test_writes_are_refused_until_the_disk_is_well(
    start_agent, network, capture, destination, disk, ill
):
    options = ("--state-dir", str(disk / "state"))
    with start_agent(*options) as agent, Client(agent.target) as client:
        client.set(destination, flow_label=7)
        with ill(agent, disk) as why:
            written = write_until_refused(client)
            client.wait_health(NOT_SERVING, SERVICE)
            assert client.health() == SERVING
            # It stays as it is: reads, marking, and what is refused.
            assert client.get(destination).flow_label == 7
            present = {mark.match.destination for mark in client.marks()}
            assert present == {str(destination), *written}
            with UdpSender(network.node, destination) as sender:
                sender.send(b"x")
            (packet,) = capture.wait(1, lambda packet: packet.destination == destination)
            assert packet.flow_label == 7
            with pytest.raises(Refused, match="STORE"):
                client.clear(destination)
            assert agent.log.count("cannot be written") == 1 and why in agent.log
        client.wait_health(SERVING, SERVICE)
        revision = client.set(destination, flow_label=8).header.revision
        assert revision == len(written) + 2
        assert agent.log.count("can be written again") == 1
        agent.kill()
    with start_agent(*options) as agent, Client(agent.target) as client:
        assert client.get(destination).flow_label == 8
        present = {mark.match.destination for mark in client.marks()}
        assert present == {str(destination), *written}
