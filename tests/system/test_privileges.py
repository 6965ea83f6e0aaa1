# SPDX-License-Identifier: Apache-2.0
"""What the agent may still do once it serves, and that it can do its work all the same."""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from lib import pb
from lib.agent import clean
from lib.client import Client
from lib.neighbours import count_tcx, has_tcx
from lib.net import NODE_INTERFACE

wm = pb.waymark
PATIENCE = 10
USER = 64321  # nobody has it
CAP_NET_ADMIN = 1 << 12
SECCOMP_FILTER = "2"

needs_tcx = pytest.mark.skipif(not has_tcx(), reason="before Linux 6.6 clsact keeps CAP_NET_ADMIN")


def statuses(pid: int) -> list[dict[str, str]]:
    """/proc/PID/task/*/status of every thread."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text(encoding="utf-8").splitlines()
        found.append(dict(line.split(":\t", 1) for line in lines if ":\t" in line))
    return found


def capabilities(pid: int) -> set[int]:
    """What any thread has in any of its sets but the bounding one."""
    names = ("CapInh", "CapPrm", "CapEff", "CapAmb")
    return {int(status[name], 16) for status in statuses(pid) for name in names}


def assert_confined(pid: int) -> None:
    threads = statuses(pid)
    assert len(threads) > 5
    for status in threads:
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == SECCOMP_FILTER


def run_as(user: int, script: str, *arguments: str) -> subprocess.CompletedProcess:
    """Python as this user, without any capability."""
    command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    command += ["--inh-caps=-all", "--bounding-set=-all"]
    command += [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


TRY_TO_LOOK_INSIDE = """
import ctypes, errno, sys
libc = ctypes.CDLL(None, use_errno=True)
pid = int(sys.argv[1])
PTRACE_ATTACH = 16
assert libc.ptrace(PTRACE_ATTACH, pid, 0, 0) == -1 and ctypes.get_errno() == errno.EPERM
for name in ("mem", "environ"):
    try:
        open(f"/proc/{pid}/{name}", "rb").read(1)
        sys.exit(f"{name} can be read")
    except PermissionError:
        pass
"""


@needs_tcx
def test_no_thread_has_a_capability(start_agent):
    with start_agent() as agent:
        assert capabilities(agent.pid) == {0}
        assert_confined(agent.pid)
        assert "privileges dropped; capabilities kept: none" in agent.log


def test_clsact_keeps_what_it_needs(start_agent):
    with start_agent("--attach", "clsact") as agent:
        assert capabilities(agent.pid) == {0, CAP_NET_ADMIN}
        assert_confined(agent.pid)
        assert "capabilities kept: CAP_NET_ADMIN" in agent.log


@needs_tcx
def test_a_filter_of_an_earlier_agent_can_still_be_taken_off(start_pinned, network):
    """From clsact to tcx: the filter goes, and so that it can, CAP_NET_ADMIN stays this once."""
    for mode, kept in (("clsact", {0, CAP_NET_ADMIN}), ("tcx", {0, CAP_NET_ADMIN}), ("tcx", {0})):
        with start_pinned("--attach", mode) as agent:
            assert capabilities(agent.pid) == kept
            with Client(agent.target) as client:
                assert [row.attach_mode for row in client.stats().interfaces] == [
                    wm.AttachMode.Value(f"ATTACH_MODE_{mode.upper()}")
                ]
    filters = network.node.run("tc", "filter", "show", "dev", NODE_INTERFACE, "egress")
    assert "0x574d" not in filters


def test_links_of_another_namespace_are_not_taken_for_ours(
    start_pinned, start_agent, network, elsewhere, pin_dir
):
    """Interfaces of two namespaces may have the same number; only the privileged can tell."""
    twin = ("twin0", "index", "4242", "type", "veth", "peer", "name", "twin1")
    for space in (network.node, elsewhere):
        space.run("ip", "link", "add", *twin)
    try:
        with start_pinned("--interface", "twin0"):
            pass
        assert count_tcx(network.node, "twin0") == 1
        with start_agent("--pin-dir", str(pin_dir), interface="twin0", space=elsewhere):
            assert count_tcx(elsewhere, "twin0") == 1
            assert count_tcx(network.node, "twin0") == 0
    finally:
        network.node.run("ip", "link", "del", "twin0")


@pytest.fixture
def user_bpf():
    """A BPF file system of USER's."""
    with tempfile.TemporaryDirectory(prefix="waymark-bpf-") as name:
        subprocess.run(["mount", "-t", "bpf", "bpf", name], check=True)
        try:
            os.chown(name, USER, USER)
            yield Path(name)
        finally:
            subprocess.run(["umount", name], check=True)


@pytest.fixture
def user_agent(network, directory, user_bpf, start_agent):
    """An agent of USER's, with a folder of its own for the socket."""
    with tempfile.TemporaryDirectory(prefix="waymark-run-") as run:
        os.chown(run, USER, USER)
        policy = Path(run, "policy.yaml")
        policy.write_text('rules:\n  - {identity: "unix:uid=0", role: admin}\n', encoding="utf-8")
        options = ("--policy", str(policy), "--pin-dir", str(user_bpf / "waymark"))
        with start_agent(*options, user=USER, listen=f"unix:{run}/s", interface="*0") as agent:
            yield agent
        clean(network.node, user_bpf / "waymark")


@needs_tcx
def test_a_plain_user_does_it_all(user_agent, network, capture, destination):
    assert {status["Uid"].split()[0] for status in statuses(user_agent.pid)} == {str(USER)}
    assert capabilities(user_agent.pid) == {0}
    assert_confined(user_agent.pid)
    assert "CAP_PERFMON" not in user_agent.log
    with Client(user_agent.target) as client:
        lease = client.grant(1)
        client.set(destination, flow_label=5, lease_id=lease.lease_id)
        network.node.run("ip", "link", "add", "late0", "type", "veth", "peer", "name", "x1")
        try:
            user_agent.wait_line(re.compile("interface late0: attached"), PATIENCE)
        finally:
            network.node.run("ip", "link", "del", "late0")
        user_agent.wait_line(re.compile("interface late0: detached"), PATIENCE)
        client.renew(lease.lease_id)
        end = time.monotonic() + PATIENCE
        while client.marks():
            assert time.monotonic() < end


@needs_tcx
def test_nobody_looks_inside(user_agent):
    if "libasan" in Path(f"/proc/{user_agent.pid}/maps").read_text(encoding="utf-8"):
        pytest.skip("the leak checker has to look inside")
    done = run_as(USER, TRY_TO_LOOK_INSIDE, str(user_agent.pid))
    assert done.returncode == 0, done.stderr
