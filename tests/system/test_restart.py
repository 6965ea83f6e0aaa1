# SPDX-License-Identifier: Apache-2.0
"""The agent ends, well or badly, and another one goes on where it was."""

import contextlib
import re
import shutil
import time
from ipaddress import IPv6Network

import pytest

from lib import pb
from lib.agent import clean, waymarkd
from lib.client import Client
from lib.packet import ENTROPY_MASK, encode_label
from lib.send import UDP_PORT, PacedSender, UdpSender

wm = pb.waymark
PATIENCE = 10


def restored(agent) -> tuple[int, int, int]:
    """What the agent says of its start: marks, how many were in force, strays removed."""
    line = agent.wait_line(re.compile("restored: "), PATIENCE)
    return tuple(int(number) for number in re.findall(r"(\d+) (?:marks|of them|unknown)", line))


def end_by(agent, how: str) -> None:
    agent.kill() if how == "kill" else agent.stop()


def everything(client, with_counters: bool = True) -> list:
    """All marks, page by page."""
    return client.marks(with_counters=with_counters, page_size=3)


def fill(client, network) -> list:
    """Marks of all kinds and owners; answers their destinations."""
    addresses = [network.new_destination() for _ in range(4)]
    flow = wm.Match(
        destination=str(addresses[0]),
        source=str(network.node_address),
        source_port=4000,
        destination_port=UDP_PORT,
        protocol="PROTOCOL_UDP",
    )
    endpoint = wm.Match(
        destination=str(addresses[1]), destination_port=UDP_PORT, protocol="PROTOCOL_UDP"
    )
    client.set(flow, flow_label=1, cookie="flow")
    client.set(endpoint, scitag={"experiment": "cms"}, owner="rucio", dscp=8)
    client.set(addresses[2], dscp=46, cookie="\N{EURO SIGN}")
    client.set(wm.Match(destination=str(IPv6Network((addresses[3], 127), False))), flow_label=4)
    client.set("2001:db8:ffff::1", flow_label=5)
    client.set("2001:db8:ffff::1", flow_label=6)
    client.set("2001:db8:ffff::2", flow_label=7)
    client.clear("2001:db8:ffff::2")
    return addresses


def send_to(network, addresses) -> None:
    for address in addresses:
        with UdpSender(network.node, address) as sender:
            sender.send(b"xx")


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_everything_is_as_it_was(start_pinned, network, end):
    with start_pinned() as agent:
        with Client(agent.target) as client:
            addresses = fill(client, network)
            send_to(network, addresses)
            before, header = everything(client), client.stats().header
        end_by(agent, end)
    assert any(mark.counters.packets for mark in before)
    with start_pinned() as agent, Client(agent.target) as client:
        assert restored(agent) == (5, 5, 0)
        assert everything(client) == before
        after = client.stats().header
        assert (after.state_id, after.revision) == (header.state_id, header.revision)
        assert after.instance_id != header.instance_id
        assert client.clear("2001:db8:ffff::1").header.revision == header.revision + 1


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_what_was_sent_meanwhile_counts(start_pinned, network, destination, end):
    once = 50
    with start_pinned() as agent:
        with Client(agent.target) as client:
            client.set(destination, flow_label=1)
            before = client.stats()
            send_to(network, [destination] * 3)
        end_by(agent, end)
    send_to(network, [destination] * 4)
    with start_pinned() as agent, Client(agent.target) as client:
        counters = client.get(destination).counters
        assert counters == wm.Counters(packets=7, bytes=7 * once)
        assert client.stats().marked.packets == before.marked.packets + 7
        send_to(network, [destination])
        updated = client.set(destination, flow_label=2)
        assert updated.mark.counters == wm.Counters(packets=8, bytes=8 * once)


def test_every_packet_is_marked_through_ten_restarts(
    start_pinned, attach_mode, network, capture, destination
):
    expected = encode_label(3, 14)
    with start_pinned("--attach", attach_mode) as agent:
        with Client(agent.target) as client:
            client.set(destination, scitag={"experiment_id": 3, "activity_id": 14})
        with contextlib.ExitStack() as stack:
            sender = stack.enter_context(UdpSender(network.node, destination))
            paced = stack.enter_context(PacedSender(sender))
            for number in range(10):
                end_by(agent, "stop" if number % 3 == 2 else "kill")
                agent = start_pinned("--attach", attach_mode)
        arrived = capture.wait(paced.count, lambda packet: packet.destination == destination)
        with Client(agent.target) as client:
            assert client.get(destination).counters.packets == paced.count > 100
    numbers = sorted(int.from_bytes(packet.payload, "big") for packet in arrived)
    assert numbers == list(range(paced.count))
    assert {packet.flow_label & ~ENTROPY_MASK for packet in arrived} == {expected}


def test_changes_from_run_to_run(start_pinned, network, capture, destination):
    with UdpSender(network.node, destination, auto_label=False) as sender:
        for label in (1, 2, 0, 3):
            with start_pinned() as agent, Client(agent.target) as client:
                if label:
                    client.set(destination, flow_label=label)
                else:
                    client.clear(destination)
                agent.kill()
            sender.send(b"x")
    arrived = capture.wait(4, lambda packet: packet.destination == destination)
    assert [packet.flow_label for packet in arrived] == [1, 2, 0, 3]


def test_page_tokens_survive_a_restart(start_pinned, network):
    request = {"page_size": 2}
    with start_pinned() as agent, Client(agent.target) as client:
        fill(client, network)
        marks = client.marks()
        token = next(client.pages(**request)).next_page_token
        agent.kill()
    with start_pinned() as agent, Client(agent.target) as client:
        rest = []
        while token:
            page = client.call("ListMarks", wm.ListMarksRequest(page_token=token, **request))
            rest += page.marks
            token = page.next_page_token
        assert rest == marks[2:]


def test_one_agent_for_a_state_directory(start_pinned, elsewhere, state_dir, directory):
    with start_pinned() as agent:
        # fmt: off
        done = waymarkd(elsewhere, "--pin-dir=", "--state-dir", str(state_dir),
                        "--interface", "lo", "--listen", f"unix:{directory}/second.sock")
        # fmt: on
        assert done.returncode == 1
        assert f"{state_dir}" in done.stderr
        assert f"in use by process {agent.pid}" in done.stderr


def test_after_a_reboot_the_store_is_all_there_is(
    start_pinned, network, pin_dir, capture, destination
):
    with start_pinned() as agent:
        with Client(agent.target) as client:
            fill(client, network)
            client.set(destination, flow_label=0xABCDE)
            send_to(network, [destination])
            before = everything(client, with_counters=False)
        agent.kill()
    clean(network.node, pin_dir)
    with start_pinned() as agent, Client(agent.target) as client:
        assert restored(agent) == (6, 0, 0)
        assert everything(client, with_counters=False) == before
        assert client.get(destination).counters == wm.Counters()
        send_to(network, [destination])
        arrived = capture.wait(2, lambda packet: packet.destination == destination)
        assert arrived[-1].flow_label == 0xABCDE
        assert client.get(destination).counters.packets == 1


def test_what_a_restored_state_does_not_know_is_removed(
    start_pinned, network, directory, state_dir, capture, destination
):
    backup, options = directory / "empty.backup", ("--state-dir", str(state_dir))
    with start_pinned() as agent:
        assert waymarkd(network.node, *options, "--backup", str(backup)).returncode == 0
        with Client(agent.target) as client:
            fill(client, network)
            client.set(destination, flow_label=0xABCDE)
            state_id = client.stats().header.state_id
        agent.kill()
    shutil.rmtree(state_dir)
    assert waymarkd(network.node, *options, "--restore", str(backup)).returncode == 0
    with start_pinned() as agent, Client(agent.target) as client:
        assert restored(agent) == (0, 0, 6)
        assert client.marks() == []
        header = client.stats().header
        assert header.revision == 0 and header.state_id != state_id
        with UdpSender(network.node, destination, auto_label=False) as sender:
            sender.send(b"x")
            (packet,) = capture.wait(1, lambda packet: packet.destination == destination)
            assert packet.flow_label == 0
        created = client.set(destination, flow_label=1)
        assert created.mark.counters == wm.Counters()


def test_a_mark_that_expired_meanwhile_is_gone(start_pinned, network, destination):
    with start_pinned() as agent, Client(agent.target) as client:
        client.set(destination, flow_label=1, ttl={"seconds": 1})
        revision = client.stats().header.revision
        end = time.clock_gettime(time.CLOCK_BOOTTIME) + 1
        agent.kill()
    while time.clock_gettime(time.CLOCK_BOOTTIME) < end:
        send_to(network, [destination])
    with start_pinned() as agent, Client(agent.target) as client:
        assert client.set(destination, flow_label=1).outcome == wm.OUTCOME_CREATED
        assert client.stats().header.revision > revision
