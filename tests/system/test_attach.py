# SPDX-License-Identifier: Apache-2.0
"""On which interfaces and how the program hangs, and what the agent says of it."""

import pytest

from lib import pb
from lib.client import Client
from lib.neighbours import has_tcx
from lib.net import NODE_INTERFACE
from lib.send import UdpSender

wm = pb.waymark
MODES = {"tcx": wm.ATTACH_MODE_TCX, "clsact": wm.ATTACH_MODE_CLSACT}


def test_forced_mode_is_the_one_reported(start_agent, network, attach_mode):
    with start_agent("--attach", attach_mode) as agent, Client(agent.target) as client:
        (interface,) = client.stats().interfaces
    assert interface.name == NODE_INTERFACE
    assert interface.ifindex == network.node.interface_index(NODE_INTERFACE)
    assert interface.attach_mode == MODES[attach_mode]
    assert interface.error == ""


def test_auto_prefers_tcx(start_agent):
    with start_agent("--attach", "auto") as agent, Client(agent.target) as client:
        (interface,) = client.stats().interfaces
    assert interface.attach_mode == MODES["tcx" if has_tcx() else "clsact"]


def test_clsact_filter_has_a_handle_and_a_priority_of_our_own(start_agent, network):
    with start_agent("--attach", "clsact"):
        shown = network.node.run("tc", "filter", "show", "dev", NODE_INTERFACE, "egress")
    assert "pref 20550" in shown and "handle 0x574d" in shown and "direct-action" in shown


def test_nothing_is_marked_once_the_agent_has_stopped(
    start_agent, attach_mode, network, capture, destination
):
    with UdpSender(network.node, destination, auto_label=False) as sender:
        with start_agent("--attach", attach_mode) as agent, Client(agent.target) as client:
            client.set(destination, flow_label=0xABCDE)
            sender.send(b"x")
            capture.wait(1, lambda packet: packet.destination == destination)
        sender.send(b"y")
        arrived = capture.wait(2, lambda packet: packet.destination == destination)
    assert [packet.flow_label for packet in arrived] == [0xABCDE, 0]


def test_several_interfaces_are_counted_apart(start_agent, network, capture, destination):
    with start_agent("--interface", "ctl0") as agent, Client(agent.target) as client:
        client.set(destination, flow_label=1)
        with UdpSender(network.node, destination) as sender:
            for _ in range(3):
                sender.send(b"xx")
        capture.wait(3, lambda packet: packet.destination == destination)
        interfaces = {row.name: row for row in client.stats().interfaces}
    assert list(interfaces) == [NODE_INTERFACE, "ctl0"]
    assert interfaces[NODE_INTERFACE].marked == wm.Counters(packets=3, bytes=150)
    assert interfaces["ctl0"].marked == wm.Counters()
