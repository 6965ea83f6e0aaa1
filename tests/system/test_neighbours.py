# SPDX-License-Identifier: Apache-2.0
"""Programs and filters of others on the same interface."""

import pytest

from lib.client import Client
from lib.neighbours import ClsactCounter, TcxCounter, add_clsact, compile_counter, has_tcx, qdiscs
from lib.net import NODE_INTERFACE
from lib.send import UdpSender

LABEL = 0xABCDE
ATTACH = {"tcx": ("--attach", "tcx"), "clsact": ("--attach", "clsact")}


@pytest.fixture(scope="module")
def counter(directory):
    return compile_counter(directory)


@pytest.fixture
def clsact(network):
    """A clsact qdisc that somebody else has put there."""
    add_clsact(network.node, NODE_INTERFACE)
    yield
    network.node.run("tc", "qdisc", "del", "dev", NODE_INTERFACE, "clsact")


def send(network, capture, destination, count: int) -> list[int]:
    """Sends packets whose own label is 0; answers the labels that arrive."""
    with UdpSender(network.node, destination, auto_label=False) as sender:
        for _ in range(count):
            sender.send(b"x")
        arrived = capture.wait(count, lambda packet: packet.source_port == sender.port)
    return [packet.flow_label for packet in arrived]


@pytest.mark.parametrize(
    ("ours", "theirs"), [("tcx", TcxCounter), ("tcx", ClsactCounter), ("clsact", ClsactCounter)]
)
def test_those_behind_see_every_packet_as_we_left_it(
    start_agent, network, capture, destination, counter, clsact, ours, theirs
):
    if ours == "tcx" and not has_tcx():
        pytest.skip("this kernel has no tcx (Linux 6.6 and later have it)")
    with start_agent(*ATTACH[ours]) as agent, Client(agent.target) as client:
        with theirs(network.node, NODE_INTERFACE, counter) as neighbour:
            client.set(destination, flow_label=LABEL)
            assert send(network, capture, destination, 50) == [LABEL] * 50
            assert send(network, capture, network.new_destination(), 20) == [0] * 20
            assert (neighbour.packets(LABEL), neighbour.packets(0)) == (50, 20)


def test_those_of_others_stay_when_we_go(
    start_agent, network, capture, destination, counter, clsact
):
    with ClsactCounter(network.node, NODE_INTERFACE, counter) as neighbour:
        before = qdiscs(network.node, NODE_INTERFACE)
        with start_agent(*ATTACH["clsact"]) as agent, Client(agent.target) as client:
            client.set(destination, flow_label=LABEL)
            assert send(network, capture, destination, 5) == [LABEL] * 5
        assert qdiscs(network.node, NODE_INTERFACE) == before
        assert send(network, capture, destination, 5) == [0] * 5
        assert (neighbour.packets(LABEL), neighbour.packets(0)) == (5, 5)


def test_a_clsact_without_filters_stays_if_it_is_not_ours(start_agent, network, clsact):
    before = qdiscs(network.node, NODE_INTERFACE)
    with start_agent(*ATTACH["clsact"]):
        assert qdiscs(network.node, NODE_INTERFACE) == before
    assert qdiscs(network.node, NODE_INTERFACE) == before


def test_our_clsact_goes_with_us(start_agent, network):
    before = qdiscs(network.node, NODE_INTERFACE)
    with start_agent(*ATTACH["clsact"]):
        assert sorted(qdiscs(network.node, NODE_INTERFACE)) == sorted([*before, "clsact"])
    assert qdiscs(network.node, NODE_INTERFACE) == before


def test_our_clsact_stays_while_others_use_it(start_agent, network, capture, destination, counter):
    try:
        with start_agent(*ATTACH["clsact"]):
            neighbour = ClsactCounter(network.node, NODE_INTERFACE, counter)
        with neighbour:
            assert "clsact" in qdiscs(network.node, NODE_INTERFACE)
            assert send(network, capture, destination, 5) == [0] * 5
            assert neighbour.packets(0) == 5
    finally:
        network.node.run("tc", "qdisc", "del", "dev", NODE_INTERFACE, "clsact")
