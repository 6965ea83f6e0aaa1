# SPDX-License-Identifier: Apache-2.0
"""Interfaces that come and go while the agent runs, and what it leaves on the host."""

import re
import subprocess
import time

import pytest

from lib import pb
from lib.agent import clean, waymarkd
from lib.client import Client
from lib.neighbours import add_clsact, has_tcx, qdiscs
from lib.net import NODE_INTERFACE
from lib.send import UdpSender

wm = pb.waymark
PATIENCE = 10


def test_an_interface_that_appears_is_marked(start_agent, network, destination):
    with start_agent("--interface", "late*") as agent, Client(agent.target) as client:
        network.node.run("ip", "link", "add", "late0", "type", "veth", "peer", "name", "x0")
        try:
            agent.wait_line(re.compile("interface late0: attached"), PATIENCE)
            assert "late0" in {row.name for row in client.stats().interfaces}
        finally:
            network.node.run("ip", "link", "del", "late0")
        agent.wait_line(re.compile("interface late0: detached"), PATIENCE)
        assert "late0" not in {row.name for row in client.stats().interfaces}


def test_one_agent_for_a_pin_directory(start_pinned, elsewhere, pin_dir):
    with start_pinned() as agent:
        for options in (("--interface", "lo"), ("--clean",)):
            done = waymarkd(elsewhere, "--pin-dir", str(pin_dir), *options)
            assert done.returncode == 1
            assert f"{pin_dir}: process {agent.pid} uses it" in done.stderr


def test_one_agent_for_a_network_namespace(start_agent, network, pin_dir, directory):
    before = qdiscs(network.node, NODE_INTERFACE)
    other = ("--state-dir", f"{directory}/other", "--listen", f"unix:{directory}/other.sock")
    with start_agent("--attach", "clsact") as agent:
        marked = network.node.run("tc", "filter", "show", "dev", NODE_INTERFACE, "egress")
        for options in (
            ("--interface", NODE_INTERFACE, "--attach", "clsact", "--pin-dir=", *other),
            ("--interface", "lo", "--pin-dir", str(pin_dir), "--detach", *other),
            ("--clean", "--pin-dir=", *other),
        ):
            done = waymarkd(network.node, *options)
            assert done.returncode == 1
            assert f"another agent, process {agent.pid}, runs" in done.stderr
            shown = network.node.run("tc", "filter", "show", "dev", NODE_INTERFACE, "egress")
            assert "0x574d" in shown and shown == marked
    assert qdiscs(network.node, NODE_INTERFACE) == before


def test_a_lock_of_others_keeps_no_agent_from_starting(start_agent, elsewhere):
    with elsewhere:
        locker = subprocess.Popen(
            ["flock", "-x", "/proc/self/ns/net", "-c", "echo; exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            user=65534,
        )
    assert locker.stdout.readline() == b"\n"
    with locker, start_agent(interface="lo", space=elsewhere) as agent:
        assert "which is no agent" in agent.log
        locker.stdin.close()


def test_stopping_leaves_the_filter_and_cleaning_takes_it(start_pinned, network, pin_dir):
    before = qdiscs(network.node, NODE_INTERFACE)
    with start_pinned("--attach", "clsact", "--observe-ingress"):
        pass
    shown = network.node.run("tc", "filter", "show", "dev", NODE_INTERFACE, "egress")
    assert "mark_l2" in shown
    clean(network.node, pin_dir)
    assert qdiscs(network.node, NODE_INTERFACE) == before


def test_a_killed_agent_leaves_the_link_and_the_next_one_adopts_it(
    start_pinned, network, pin_dir
):
    if not has_tcx():
        pytest.skip("this kernel has no tcx (Linux 6.6 and later have it)")
    start_pinned("--attach", "tcx").kill()
    (pinned,) = (pin_dir / "links").iterdir()
    assert pinned.name == f"{network.node.interface_index(NODE_INTERFACE)}-egress"
    with start_pinned("--attach", "tcx", "--observe-ingress", "--detach"):
        assert len(list((pin_dir / "links").iterdir())) == 2
    assert not pin_dir.exists()


def test_detaching_leaves_nothing(start_pinned, network, pin_dir, attach_mode):
    before = qdiscs(network.node, NODE_INTERFACE)
    with start_pinned("--attach", attach_mode, "--observe-ingress", "--detach"):
        assert pin_dir.exists()
    assert not pin_dir.exists()
    assert qdiscs(network.node, NODE_INTERFACE) == before


def test_cleaning_leaves_what_is_not_ours(start_pinned, network, pin_dir):
    add_clsact(network.node, NODE_INTERFACE)
    try:
        before = qdiscs(network.node, NODE_INTERFACE)
        start_pinned("--attach", "clsact").kill()
        clean(network.node, pin_dir)
        assert qdiscs(network.node, NODE_INTERFACE) == before
        shown = network.node.run("tc", "filter", "show", "dev", NODE_INTERFACE, "egress")
        assert shown == ""
    finally:
        network.node.run("tc", "qdisc", "del", "dev", NODE_INTERFACE, "clsact")


def test_a_pin_directory_elsewhere_stops_the_start(network, directory):
    done = waymarkd(network.node, "--pin-dir", str(directory / "pins"))
    assert done.returncode == 1
    assert "is no BPF file system: mount -t bpf" in done.stderr
    assert not (directory / "pins").exists()


def rows(client) -> dict:
    return {row.name: row for row in client.stats().interfaces}


def test_an_interface_that_is_renamed_is_followed(start_agent, network):
    with start_agent("--interface", "late*") as agent, Client(agent.target) as client:
        network.node.run("ip", "link", "add", "early0", "type", "veth", "peer", "name", "x0")
        try:
            network.node.run("ip", "link", "set", "early0", "name", "late1")
            agent.wait_line(re.compile("interface late1: attached"), PATIENCE)
            assert rows(client)["late1"].ifindex == network.node.interface_index("late1")
            assert "early0" not in rows(client)
            network.node.run("ip", "link", "set", "late1", "name", "early1")
            agent.wait_line(re.compile("interface late1: detached"), PATIENCE)
            assert not {"late1", "early1"} & rows(client).keys()
        finally:
            network.node.run("ip", "link", "del", "x0")


def wait_row(client, name: str, index: int):
    """Asks until the row of an interface is that of the interface with this number."""
    end = time.monotonic() + PATIENCE
    while rows(client).get(name, wm.InterfaceStats()).ifindex != index:
        assert time.monotonic() < end, f"no row of {name} with number {index}"
    return rows(client)[name]


def test_an_interface_that_flaps_ends_up_marked(
    start_agent, attach_mode, network, capture, destination
):
    first, last = 1000, 1100
    add = "link add flap0 index {} type veth peer name flap1\n".format
    flaps = "".join(f"{add(index)}link del flap0\n" for index in range(first, last))
    options = ("--attach", attach_mode, "--interface", "flap*0")
    with start_agent(*options) as agent, Client(agent.target) as client:
        client.set(destination, flow_label=1)
        network.node.run("ip", "-batch", "-", input=flaps + add(last))
        try:
            row = wait_row(client, "flap0", last)
            assert row.error == "" and row.attach_mode != wm.ATTACH_MODE_UNSPECIFIED
            assert set(rows(client)) == {NODE_INTERFACE, "flap0"}
            with UdpSender(network.node, destination, auto_label=False) as sender:
                sender.send(b"x")
                (packet,) = capture.wait(1, lambda packet: packet.destination == destination)
            assert packet.flow_label == 1
        finally:
            network.node.run("ip", "link", "del", "flap0")


def test_a_root_qdisc_of_others_stays_and_does_not_matter(
    start_agent, attach_mode, network, capture, destination
):
    network.node.run("tc", "qdisc", "add", "dev", NODE_INTERFACE, "root", "pfifo")
    try:
        before = qdiscs(network.node, NODE_INTERFACE)
        assert before == ["pfifo"]
        with start_agent("--attach", attach_mode) as agent, Client(agent.target) as client:
            client.set(destination, flow_label=1)
            with UdpSender(network.node, destination, auto_label=False) as sender:
                sender.send(b"x")
                (packet,) = capture.wait(1, lambda packet: packet.destination == destination)
            assert packet.flow_label == 1
        assert qdiscs(network.node, NODE_INTERFACE) == before
    finally:
        network.node.run("tc", "qdisc", "del", "dev", NODE_INTERFACE, "root")
