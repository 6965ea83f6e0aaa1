# SPDX-License-Identifier: Apache-2.0
"""An agent with another capacity goes on with the marks of the one before it."""

import contextlib
import re
from pathlib import Path

import pytest

from lib.agent import waymarkd
from lib.client import Client
from lib.packet import ENTROPY_MASK, encode_label
from lib.send import PacedSender, UdpSender

CAPACITIES = [(1000, 50), (50, 10), (3, 1), (20000, 1000)]


@pytest.fixture
def capacity(directory):
    """Writes a configuration; answers the options that name it."""

    def write(marks: int, networks: int) -> tuple[str, str]:
        path = Path(directory) / "capacity.yaml"
        path.write_text(f"capacity: {{marks: {marks}, networks: {networks}}}\n", encoding="ascii")
        return "--config", str(path)

    return write


def test_marks_and_counters_move_under_traffic(
    start_pinned, attach_mode, network, capture, destination, capacity, pin_dir
):
    expected = encode_label(3, 14)
    mode = ("--attach", attach_mode)
    counted = 0
    agent = start_pinned(*mode)
    with Client(agent.target) as client:
        client.set(destination, scitag={"experiment_id": 3, "activity_id": 14})
        client.set("2001:db8:ffff::1", flow_label=5, ttl={"seconds": 3600})
    with contextlib.ExitStack() as stack:
        sender = stack.enter_context(UdpSender(network.node, destination))
        paced = stack.enter_context(PacedSender(sender))
        for number, sizes in enumerate(CAPACITIES * 2):
            agent.stop() if number % 2 else agent.kill()
            agent = start_pinned(*mode, *capacity(*sizes))
            with Client(agent.target) as client:
                stats = client.stats()
                assert tuple(table.capacity for table in stats.tables) == sizes
                assert [table.used for table in stats.tables] == [2, 0]
                packets = client.get(destination).counters.packets
                assert counted <= packets <= client.stats().marked.packets
                counted = packets
            assert [path.name for path in pin_dir.iterdir() if "maps" in path.name] == ["maps"]
    arrived = capture.wait(paced.count, lambda packet: packet.destination == destination)
    with Client(agent.target) as client:
        assert client.get(destination).counters.packets == paced.count > 100
    numbers = sorted(int.from_bytes(packet.payload, "big") for packet in arrived)
    assert numbers == list(range(paced.count))
    assert {packet.flow_label & ~ENTROPY_MASK for packet in arrived} == {expected}


def test_a_capacity_below_what_is_in_force_is_refused(
    start_pinned, network, capacity, pin_dir, state_dir, destination, capture
):
    with start_pinned() as agent, Client(agent.target) as client:
        for label in range(1, 4):
            client.set(f"2001:db8:ffff::{label}", flow_label=label)
        client.set(destination, flow_label=9)
    # fmt: off
    done = waymarkd(network.node, *capacity(3, 1), "--pin-dir", str(pin_dir),
                    "--state-dir", str(state_dir), "--interface", "lo")
    # fmt: on
    assert done.returncode == 1
    assert re.search(r"capacity\.marks: 3 is too small: 4 are in force", done.stderr)
    with UdpSender(network.node, destination, auto_label=False) as sender:
        sender.send(b"x")
    (packet,) = capture.wait(1, lambda packet: packet.destination == destination)
    assert packet.flow_label == 9
    with start_pinned() as agent, Client(agent.target) as client:
        assert len(client.marks()) == 4
