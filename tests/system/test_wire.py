# SPDX-License-Identifier: Apache-2.0
"""What arrives at the peer, with the program attached in either way."""

import random

import pytest

from lib import pb
from lib.net import SINKS
from lib.packet import ENTROPY_MASK, STRUCTURAL_MASK, UDP, encode_label
from lib.send import UDP_PORT, UdpSender, tcp_transfer

wm = pb.waymark
ANALYSIS_INPUT = {"experiment": "cms", "activity": "Analysis Input"}
ANALYSIS_INPUT_LABEL = 0x30038


@pytest.fixture(scope="module")
def agent(start_agent, attach_mode):
    with start_agent("--attach", attach_mode) as agent:
        yield agent


@pytest.fixture
def sender(network, destination):
    with UdpSender(network.node, destination) as sender:
        yield sender


def to(destination):
    return lambda packet: packet.destination == destination


def send_numbered(sender, number: int) -> None:
    sender.send(number.to_bytes(2, "big"))


def by_number(packets) -> dict:
    """Packets by the number that they were sent with; arrival may be in another order."""
    numbered = {int.from_bytes(packet.payload[:2], "big"): packet for packet in packets}
    assert len(numbered) == len(packets)
    return numbered


def labels(packets) -> dict[int, int]:
    return {number: packet.flow_label for number, packet in by_number(packets).items()}


def own_label(sender, capture, destination) -> int:
    """The label that the kernel gives this flow when nobody marks it."""
    sender.send(b"unmarked")
    (packet,) = capture.wait(1, to(destination))
    return packet.flow_label


def test_the_next_packet_after_the_answer_is_marked(client, sender, capture, destination):
    drawn = [random.Random(1).randrange(1 << 20) for _ in range(200)]
    for number, label in enumerate(drawn):
        client.set(destination, flow_label=label)
        send_numbered(sender, number)
    assert labels(capture.wait(200, to(destination))) == dict(enumerate(drawn))


def test_the_next_packet_after_a_clear_is_not(client, sender, capture, destination):
    own = own_label(sender, capture, destination)
    marked = own ^ 0xFFFFF
    for number in range(0, 100, 2):
        client.set(destination, flow_label=marked)
        send_numbered(sender, number)
        assert client.clear(destination).mark.counters == wm.Counters(packets=1, bytes=50)
        send_numbered(sender, number + 1)
    arrived = capture.wait(101, to(destination))[1:]
    assert labels(arrived) == {number: own if number % 2 else marked for number in range(100)}


@pytest.mark.parametrize("label", [0, 1, 0xFFFFF])
def test_raw_label_replaces_all_twenty_bits(client, sender, capture, destination, label):
    client.set(destination, flow_label=label)
    sender.send(b"x")
    (packet,) = capture.wait(1, to(destination))
    assert packet.flow_label == label


def test_scitag_keeps_the_entropy_of_the_flow(client, network, capture, destination):
    client.set(destination, scitag=ANALYSIS_INPUT)
    unmarked = {}
    with UdpSender(network.node, destination) as sender:
        sender.send(b"marked")
        port = sender.port
        (marked,) = capture.wait(1, to(destination))
        client.clear(destination)
        sender.send(b"unmarked")
        unmarked = capture.wait(2, to(destination))[-1]
    assert unmarked.source_port == marked.source_port == port
    assert marked.flow_label & STRUCTURAL_MASK == ANALYSIS_INPUT_LABEL
    assert marked.flow_label & ENTROPY_MASK == unmarked.flow_label & ENTROPY_MASK


def test_entropy_comes_from_the_flow_where_the_label_is_zero(
    client, network, capture, destination
):
    client.set(destination, scitag=ANALYSIS_INPUT)
    for _ in range(32):
        with UdpSender(network.node, destination, auto_label=False) as sender:
            sender.send(b"x")
            sender.send(b"y")
    arrived = capture.wait(64, to(destination))
    assert {packet.flow_label & STRUCTURAL_MASK for packet in arrived} == {ANALYSIS_INPUT_LABEL}
    flows = {}
    for packet in arrived:
        flows.setdefault(packet.source_port, set()).add(packet.flow_label)
    assert all(len(found) == 1 for found in flows.values()), "a flow's label changed"
    assert len({label for found in flows.values() for label in found}) > 4, "flows share paths"


@pytest.mark.parametrize(
    "mark", [{"flow_label": 0xFFFFF}, {"flow_label": 0}, {"scitag": ANALYSIS_INPUT}]
)
def test_a_label_leaves_dscp_and_ecn_alone(client, network, capture, destination, mark):
    client.set(destination, **mark)
    for traffic_class in range(256):
        with UdpSender(network.node, destination, traffic_class=traffic_class) as sender:
            send_numbered(sender, traffic_class)
    arrived = by_number(capture.wait(256, to(destination)))
    assert {number: packet.traffic_class for number, packet in arrived.items()} == {
        number: number for number in range(256)
    }
    assert {packet.hop_limit for packet in arrived.values()} == {64}


@pytest.mark.parametrize("dscp", [0, 46, 63])
def test_dscp_leaves_label_and_ecn_alone(client, network, capture, destination, dscp):
    client.set(destination, dscp=dscp)
    for traffic_class in range(256):
        with UdpSender(network.node, destination, traffic_class=traffic_class) as sender:
            send_numbered(sender, traffic_class)
            port = sender.port
    arrived = by_number(capture.wait(256, to(destination)))
    assert {packet.dscp for packet in arrived.values()} == {dscp}
    assert all(packet.ecn == number & 3 for number, packet in arrived.items())
    with UdpSender(network.node, destination, auto_label=False) as sender:
        sender.send(b"zero")
        (packet,) = capture.wait(1, lambda packet: packet.payload == b"zero")
    assert packet.flow_label == 0
    assert port != packet.source_port


def test_payload_and_ports_arrive_as_they_were_sent(client, sender, capture, destination):
    client.set(destination, flow_label=0xFFFFF, dscp=63)
    payload = bytes(range(256)) * 4
    sender.send(payload)
    (packet,) = capture.wait(1, to(destination))
    assert packet.payload == payload
    assert (packet.protocol, packet.destination_port) == (UDP, UDP_PORT)
    assert packet.source_port == sender.port


def test_only_marked_destinations_are_marked(client, network, capture):
    addresses = [network.new_destination() for _ in range(100)]
    for number, address in enumerate(addresses[::2]):
        client.set(address, flow_label=0x80000 + number)
    for address in addresses:
        with UdpSender(network.node, address, auto_label=False) as sender:
            sender.send(b"x")
    arrived = capture.wait(100, lambda packet: packet.destination in addresses)
    found = {packet.destination: packet.flow_label for packet in arrived}
    assert found == {
        address: 0 if number % 2 else 0x80000 + number // 2
        for number, address in enumerate(addresses)
    }


def test_the_most_specific_mark_wins(client, network, sender, capture, destination):
    port = {"protocol": "PROTOCOL_UDP", "destination_port": UDP_PORT}
    source = {"source": str(network.node_address), "source_port": sender.port}
    narrower = [
        wm.Match(destination=f"{SINKS}"),
        wm.Match(destination=str(destination)),
        wm.Match(destination=str(destination), **port),
        wm.Match(destination=str(destination), **port, **source),
    ]
    for number, match in enumerate(narrower):
        client.set(match, flow_label=number)
        send_numbered(sender, number)
    for number, match in reversed(list(enumerate(narrower))):
        assert client.get(narrower[-1], effective=True).flow_label == number
        client.clear(match)
        if number:
            send_numbered(sender, 100 + number - 1)
    arrived = labels(capture.wait(7, to(destination)))
    assert arrived == {0: 0, 1: 1, 2: 2, 3: 3, 102: 2, 101: 1, 100: 0}


def test_counters_of_udp_are_exact(client, sender, capture, destination):
    client.set(destination, flow_label=1)
    sizes = [1, 100, 1000, 1400]
    for size in sizes:
        sender.send(bytes(size))
    expected = wm.Counters(packets=4, bytes=sum(48 + size for size in sizes))
    capture.wait(4, to(destination))
    assert client.get(destination).counters == expected
    assert client.marks(with_counters=True)[0].counters == expected
    assert client.clear(destination).mark.counters == expected


def test_update_keeps_counters_and_a_new_mark_begins_at_zero(client, sender, destination):
    once = wm.Counters(packets=1, bytes=50)
    client.set(destination, flow_label=1)
    sender.send(b"12")
    updated = client.set(destination, flow_label=2)
    assert (updated.outcome, updated.mark.counters) == (wm.OUTCOME_UPDATED, once)
    unchanged = client.set(destination, flow_label=2)
    assert (unchanged.outcome, unchanged.mark.counters) == (wm.OUTCOME_UNCHANGED, once)
    assert client.clear(destination).mark.counters == once
    assert client.set(destination, flow_label=2).mark.counters == wm.Counters()


@pytest.mark.parametrize("segments", ["gso", "no gso"])
def test_tcp_is_marked_and_counted_segment_by_segment(
    client, network, capture, destination, segments
):
    client.set(destination, scitag=ANALYSIS_INPUT)
    limit = {"gso": "65535", "no gso": "1"}[segments]
    network.node.run("ip", "link", "set", "data0", "gso_max_segs", limit)
    try:
        tcp_transfer(network.node, destination, 3_000_000)
    finally:
        network.node.run("ip", "link", "set", "data0", "gso_max_segs", "65535")
    counters = client.get(destination).counters
    arrived = capture.wait(counters.packets, to(destination))
    assert sum(packet.segments for packet in arrived) == counters.packets
    assert sum(packet.wire_bytes for packet in arrived) == counters.bytes > 3_000_000
    assert (max(packet.segments for packet in arrived) > 1) == (segments == "gso")
    assert {packet.flow_label & STRUCTURAL_MASK for packet in arrived} == {ANALYSIS_INPUT_LABEL}
    assert len({packet.flow_label for packet in arrived}) == 1, "the flow's label changed"


def test_stats_count_what_was_sent(client, network, capture, destination):
    before = client.stats()
    client.set(destination, flow_label=1)
    other = network.new_destination()
    for address, count in ((destination, 7), (other, 5)):
        with UdpSender(network.node, address) as sender:
            for _ in range(count):
                sender.send(bytes(52))
    capture.wait(12, lambda packet: packet.destination in (destination, other))
    after = client.stats()
    assert after.marked.packets - before.marked.packets == 7
    assert after.marked.bytes - before.marked.bytes == 700
    (then,), (now,) = before.interfaces, after.interfaces
    assert now.packets_seen - then.packets_seen == 12
    assert now.marked.packets - then.marked.packets == 7
    assert now.marked.bytes - then.marked.bytes == 700
    assert skipped(now).pop(wm.SKIP_REASON_NO_MATCH) == 5 + skipped(then).pop(
        wm.SKIP_REASON_NO_MATCH, 0
    )
    assert now.packets_seen == now.marked.packets + sum(skipped(now).values())


def skipped(interface) -> dict[int, int]:
    return {skip.reason: skip.packets for skip in interface.skipped}


def test_encoding_of_scitags_agrees_with_the_draft():
    assert encode_label(3, 14) == ANALYSIS_INPUT_LABEL
