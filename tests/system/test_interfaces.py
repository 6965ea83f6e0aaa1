# SPDX-License-Identifier: Apache-2.0
"""Interfaces that come and go while the agent runs, and what it leaves on the host."""

import re

import pytest

from lib.agent import clean, waymarkd
from lib.client import Client
from lib.neighbours import add_clsact, has_tcx, qdiscs
from lib.net import NODE_INTERFACE

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


def test_one_agent_for_a_pin_directory(start_pinned, network, pin_dir):
    with start_pinned() as agent:
        for options in (("--interface", "lo"), ("--clean",)):
            done = waymarkd(network.node, "--pin-dir", str(pin_dir), *options)
            assert done.returncode == 1
            assert f"{pin_dir}: process {agent.pid} uses it" in done.stderr


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
