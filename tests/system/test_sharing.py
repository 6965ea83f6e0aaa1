# SPDX-License-Identifier: Apache-2.0
"""Marks of every kind that match one flow: which of them is on the wire, packet by packet."""

import itertools
import socket
import struct
import time

import pytest

from lib import pb
from lib.net import SINKS
from lib.send import UdpSender

wm = pb.waymark
_IPV6_FLOWINFO = 11
_LATEST_NS = 100_000_000  # after a deadline


class Probe:
    """One UDP flow, of which each packet is waited for."""

    def __init__(self, sender: UdpSender, receiver: socket.socket):
        self._sender, self._receiver = sender, receiver

    def label(self) -> int:
        """Sends a packet; answers the flow label that it arrives with."""
        self._sender.send(b"probe")
        _, ancillary, _, _ = self._receiver.recvmsg(16, 64)
        (label,) = [
            struct.unpack("!I", data)[0] & 0xFFFFF
            for level, kind, data in ancillary
            if (level, kind) == (socket.IPPROTO_IPV6, _IPV6_FLOWINFO)
        ]
        return label


@pytest.fixture
def flow(network, destination):
    """Matches of the flow, the most specific first, and the probe that sends in it."""
    with network.peer.socket(socket.AF_INET6, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.IPPROTO_IPV6, _IPV6_FLOWINFO, 1)
        receiver.settimeout(5)
        receiver.bind(("::", 0))
        port = receiver.getsockname()[1]
        with UdpSender(network.node, destination, port) as sender:
            sender.send(b"first")  # the answer is worth nothing, but its label might be zero
            receiver.recv(16)
            endpoint = {"protocol": "PROTOCOL_UDP", "destination_port": port}
            source = {"source": str(network.node_address), "source_port": sender.port}
            found = [
                wm.Match(destination=str(destination), **endpoint, **source),
                wm.Match(destination=str(destination), **endpoint),
                wm.Match(destination=str(destination)),
                wm.Match(destination=str(SINKS).replace("/48", "/64")),
                wm.Match(destination=str(SINKS)),
            ]
            yield found, Probe(sender, receiver)


def label_of(number: int) -> int:
    return 0x50000 + number


def test_clearing_uncovers_the_next_whatever_the_order(client, flow):
    matches, probe = flow
    everything = range(len(matches))
    for order in itertools.permutations(everything):
        standing = set()
        for number in order[::-1]:
            client.set(matches[number], flow_label=label_of(number))
            standing.add(number)
            assert probe.label() == label_of(min(standing)), (order, standing)
        for number in order[:-1]:
            client.clear(matches[number])
            standing.remove(number)
            assert probe.label() == label_of(min(standing)), (order, standing)
        client.clear(matches[order[-1]])


def test_expiry_uncovers_the_next(client, flow):
    """All but the least specific expire, the most specific first."""
    matches, probe = flow
    last = len(matches) - 1
    client.set(matches[last], flow_label=label_of(last))
    deadlines = []
    for number, match in enumerate(matches[:last]):
        ttl = 1_000_000_000 + number * 250_000_000
        before = boottime()
        client.set(match, flow_label=label_of(number), ttl={"nanos": ttl % 10**9, "seconds": 1})
        deadlines.append((before + ttl, boottime() + ttl))
    for number, (earliest, latest) in enumerate(deadlines):
        arrived, label = probe_until_other(probe, label_of(number), latest + _LATEST_NS)
        assert label == label_of(number + 1)
        assert arrived >= earliest, f"{(earliest - arrived) / 1e6} ms before its deadline"


def probe_until_other(probe, label: int, end: int) -> tuple[int, int]:
    """Sends until a packet has another label, or was sent after the end; answers when that
    packet had arrived, and its label."""
    while True:
        before = boottime()
        found = probe.label()
        if found != label or before > end:
            return boottime(), found


def boottime() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
