# SPDX-License-Identifier: Apache-2.0
"""Counting of SciTags in what arrives."""

import contextlib
import socket

import pytest

from lib import pb
from lib.agent import Agent
from lib.client import Client
from lib.send import UdpSender

wm = pb.waymark
PORT = 7100


@contextlib.contextmanager
def observer(network, directory, *options: str):
    """An agent at the peer; gives a client of it."""
    target = f"unix:{directory}/observer.sock"
    with Agent(network.peer, "--interface", "data0", "--listen", target, *options) as agent:
        agent.wait_ready()
        with Client(target) as client:
            yield client


@pytest.fixture
def receiver(network):
    """A socket that takes what arrives: by then the observer has seen it."""
    with network.peer.socket(socket.AF_INET6, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("::", PORT))
        receiver.settimeout(5)
        yield receiver


def send(network, receiver, destination, count: int, size: int) -> wm.Counters:
    """Sends and waits for the arrival; answers what must have been counted."""
    with UdpSender(network.node, destination, port=PORT) as sender:
        for _ in range(count):
            sender.send(bytes(size))
            assert len(receiver.recv(1 << 16)) == size
    return wm.Counters(packets=count, bytes=count * (48 + size))


def observed(client) -> dict:
    """What was observed, by (experiment, activity); what is no SciTag, by None."""
    return {
        (row.scitag.experiment_id, row.scitag.activity_id)
        if row.HasField("scitag") and row.scitag.experiment_id
        else None: row.observed
        for row in client.stats().scitags
        if row.observed.packets
    }


def test_what_arrives_is_counted_by_scitag(client, network, directory, receiver):
    addresses = [network.new_destination() for _ in range(5)]
    client.set(addresses[0], scitag={"experiment": "cms", "activity": "Analysis Input"})
    client.set(addresses[1], scitag={"experiment": "atlas", "activity": "default"})
    client.set(addresses[2], scitag={"experiment_id": 511, "activity_id": 63})  # unknown
    client.set(addresses[3], flow_label=0)
    with observer(network, directory, "--observe-ingress") as peer:
        assert observed(peer) == {}
        first = send(network, receiver, addresses[0], 3, 100)
        second = send(network, receiver, addresses[1], 2, 1)
        unknown = send(network, receiver, addresses[2], 4, 10)
        unlabelled = send(network, receiver, addresses[3], 5, 10)
        found = observed(peer)
        assert not any(row.sent.packets for row in peer.stats().scitags)
    assert found == {
        (3, 14): first,
        (2, 1): second,
        None: wm.Counters(
            packets=unknown.packets + unlabelled.packets, bytes=unknown.bytes + unlabelled.bytes
        ),
    }


def test_nothing_is_observed_unless_told(client, network, directory, receiver, destination):
    client.set(destination, scitag={"experiment": "cms", "activity": "Analysis Input"})
    with observer(network, directory) as peer:
        send(network, receiver, destination, 3, 100)
        assert observed(peer) == {}
    assert client.get(destination).counters.packets == 3


def test_observing_does_not_depend_on_marks_of_its_own(
    client, network, directory, receiver, destination
):
    client.set(destination, scitag={"experiment": "cms", "activity": "default"})
    with observer(network, directory, "--observe-ingress") as peer:
        assert peer.marks() == []
        expected = send(network, receiver, destination, 2, 10)
        assert observed(peer) == {(3, 1): expected}
        peer.set("2001:db8:ffff::1", flow_label=1)
        peer.clear("2001:db8:ffff::1")
        send(network, receiver, destination, 2, 10)
        assert observed(peer)[3, 1].packets == 4
