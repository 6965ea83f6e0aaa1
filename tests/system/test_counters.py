# SPDX-License-Identifier: Apache-2.0
"""Counters: exact, whoever sends, and what is not marked is counted too."""

import collections
import os
import socket
import struct
import threading
from ipaddress import IPv6Network

import pytest

from lib import pb
from lib.client import Client
from lib.net import NODE_INTERFACE
from lib.packet import STRUCTURAL_MASK, TCP, encode_label
from lib.send import TCP_PORT, UDP_PORT, UdpSender

wm = pb.waymark
PACKETS = 20_000
SIZE = 52
WIRE_SIZE = SIZE + 48


@pytest.fixture
def agent(start_agent):
    """One for each test: others here start agents of their own, and a namespace holds one."""
    with start_agent() as agent:
        yield agent


def on_cpu(cpu: int, work, *arguments) -> threading.Thread:
    """Does work in a thread that stays on one CPU."""

    def run():
        os.sched_setaffinity(0, {cpu})  # of this thread alone
        work(*arguments)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def send_many(sender, count: int) -> None:
    payload = bytes(SIZE)
    for _ in range(count):
        sender.send(payload)


def wire(packets: int) -> "wm.Counters":
    return wm.Counters(packets=packets, bytes=packets * WIRE_SIZE)


def row(client):
    (found,) = [row for row in client.stats().interfaces if row.name == NODE_INTERFACE]
    return found


def skipped(client) -> collections.Counter:
    return collections.Counter({skip.reason: skip.packets for skip in row(client).skipped})


def sent(client) -> dict:
    """What was sent, by (experiment, activity)."""
    return {
        (found.scitag.experiment_id, found.scitag.activity_id): found.sent
        for found in client.stats().scitags
    }


def match_of(kind: str, network, destination, senders) -> list:
    """The matches of a kind that take the traffic of both senders."""
    port = {"protocol": "PROTOCOL_UDP", "destination_port": UDP_PORT}
    source = str(network.node_address)
    return {
        "flow": [
            wm.Match(destination=str(destination), source=source, source_port=one.port, **port)
            for one in senders
        ],
        "endpoint": [wm.Match(destination=str(destination), **port)],
        "host": [wm.Match(destination=str(destination))],
        "network": [wm.Match(destination=str(IPv6Network((destination, 120), strict=False)))],
    }[kind]


@pytest.mark.parametrize("kind", ["flow", "endpoint", "host", "network"])
def test_counts_of_several_cpus_add_up(client, network, destination, kind):
    cpus = sorted(os.sched_getaffinity(0))[:2]
    if len(cpus) < 2:
        pytest.skip("one CPU only")
    tag = {"experiment_id": 3, "activity_id": 14}
    with UdpSender(network.node, destination) as one, UdpSender(network.node, destination) as two:
        matches = match_of(kind, network, destination, (one, two))
        for match in matches:
            client.set(match, scitag=tag)
        before, tagged = row(client), sent(client).get((3, 14), wm.Counters())
        threads = [on_cpu(cpu, send_many, who, PACKETS) for cpu, who in zip(cpus, (one, two))]
        for thread in threads:
            thread.join()
    after, now = row(client), sent(client)[3, 14]
    share = 2 // len(matches)
    assert [client.get(match).counters for match in matches] == [
        wire(share * PACKETS) for _ in matches
    ]
    assert after.marked.packets - before.marked.packets == 2 * PACKETS
    assert after.marked.bytes - before.marked.bytes == 2 * PACKETS * WIRE_SIZE
    assert after.packets_seen - before.packets_seen == 2 * PACKETS
    assert now.packets - tagged.packets == 2 * PACKETS
    assert now.bytes - tagged.bytes == 2 * PACKETS * WIRE_SIZE


def test_sent_is_counted_by_what_is_on_the_wire(start_agent, network):
    addresses = [network.new_destination() for _ in range(4)]
    with start_agent() as agent, Client(agent.target) as client:
        client.set(addresses[0], scitag={"experiment": "cms", "activity": "Analysis Input"})
        client.set(addresses[1], scitag={"experiment_id": 511, "activity_id": 63})
        client.set(addresses[2], flow_label=encode_label(2, 1) | 0x103)  # a SciTag all the same
        client.set(addresses[3], dscp=46)  # says nothing of experiments
        for number, address in enumerate(addresses):
            with UdpSender(network.node, address) as sender:
                send_many(sender, number + 1)
        assert sent(client) == {(3, 14): wire(1), (511, 63): wire(2), (2, 1): wire(3)}
        assert client.stats().marked == wire(10)


def test_the_tags_of_a_mark_that_changes_are_counted_apart(start_agent, network, destination):
    with start_agent() as agent, Client(agent.target) as client:
        with UdpSender(network.node, destination) as sender:
            for activity in (1, 2, 1):
                client.set(destination, scitag={"experiment_id": 3, "activity_id": activity})
                send_many(sender, 5)
        assert sent(client) == {(3, 1): wire(10), (3, 2): wire(5)}
        assert client.clear(destination).mark.counters == wire(15)
        assert sent(client) == {(3, 1): wire(10), (3, 2): wire(5)}


def frame(kind: int, payload: bytes) -> bytes:
    return bytes.fromhex("020000000002 020000000001") + struct.pack("!H", kind) + payload


def test_what_is_left_alone_is_counted_by_reason(client, network, destination):
    client.set(destination, flow_label=1)
    header = struct.pack("!IHBB", 6 << 28, 8, 17, 64) + bytes(16) + destination.packed
    frames = {
        wm.SKIP_REASON_NOT_IPV6: [frame(0x0800, bytes(60)), frame(0x88B5, bytes(60))],
        wm.SKIP_REASON_TRUNCATED: [frame(0x86DD, header[:39]), frame(0x86DD, header)],
    }
    before, marked = skipped(client), row(client).marked
    with network.node.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as raw:
        with network.node:
            raw.bind((NODE_INTERFACE, 0))
        for one in (one for several in frames.values() for one in several):
            raw.send(one)
    with UdpSender(network.node, network.new_destination()) as sender:
        send_many(sender, 3)
    after = row(client)
    assert skipped(client) - before == {
        wm.SKIP_REASON_NOT_IPV6: 2,
        wm.SKIP_REASON_TRUNCATED: 2,
        wm.SKIP_REASON_NO_MATCH: 3,
    }
    assert after.marked == marked
    assert after.packets_seen == after.marked.packets + sum(
        skip.packets for skip in after.skipped
    )


@pytest.mark.parametrize("mark", [{"flow_label": 0xABCDE}, {"scitag": {"experiment_id": 3}}])
def test_retransmissions_are_marked_and_counted(client, network, capture, destination, mark):
    """A hole in the peer's routes swallows what has arrived, and the kernel sends it again."""
    label = mark.get("flow_label", encode_label(3, 0))
    hole = ("blackhole", str(destination), "table", "local")

    def ours(packet):
        return packet.destination == destination and packet.protocol == TCP

    def times(packets) -> int:
        """How often the part that was sent most often was sent."""
        return max(collections.Counter(p.payload for p in packets if p.payload).values(), default=0)

    client.set(destination, **mark)
    with network.node.socket(socket.AF_INET6, socket.SOCK_STREAM) as stream:
        stream.settimeout(10)
        stream.connect((str(destination), TCP_PORT))
        network.peer.run("ip", "-6", "route", "add", *hole)
        try:
            stream.sendall(b"".join(struct.pack("!I", number) for number in range(10_000)))
            capture.wait_until(
                lambda found: times(found) >= 2,
                ours,
                10,
                lambda found: f"a retransmission among {len(found)} packets",
            )
        finally:
            network.peer.run("ip", "-6", "route", "del", *hole)
        stream.shutdown(socket.SHUT_WR)
        assert stream.recv(1) == b""
    counters = client.get(destination).counters
    arrived = capture.wait(counters.packets, ours)
    mask = 0xFFFFF if "flow_label" in mark else STRUCTURAL_MASK
    assert {packet.flow_label & mask for packet in arrived} == {label}
    assert sum(packet.segments for packet in arrived) == counters.packets
    assert sum(packet.wire_bytes for packet in arrived) == counters.bytes


