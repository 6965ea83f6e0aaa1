# SPDX-License-Identifier: Apache-2.0
"""The agent's life: what answers while it starts, what keeps it from starting, and how it ends."""

import fcntl
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack

import pytest

from lib import pb
from lib.agent import Agent, clean, waymarkd
from lib.client import SERVICE, Client, Refused
from lib.net import Network
from lib.send import UdpSender
from lib.tls import Authority

SERVING = pb.health.HealthCheckResponse.SERVING
NOT_SERVING = pb.health.HealthCheckResponse.NOT_SERVING
LISTENING = re.compile(r"\blistening\b")
PATIENCE = 10
AT_ONCE = 1.5  # s; the drain may take 2


@pytest.fixture
def begin(network, directory, state_dir):
    """Starts an agent without waiting for anything; it keeps its marks in state_dir."""
    with ExitStack() as agents:

        def start(*options: str, target: str = f"unix:{directory}/life.sock", **more) -> Agent:
            # fmt: off
            agent = Agent(network.node, "--interface", "lo", "--listen", target,
                          "--state-dir", str(state_dir), *options, **more,
                          echo=lambda line: print(line, file=sys.stderr))
            # fmt: on
            agent.target = target
            return agents.enter_context(agent)

        yield start


# ---- start ----


def test_until_the_marks_stand_it_says_so(begin, state_dir):
    begin().wait_ready().stop()
    # LMDB takes this lock when the store is opened: the start stands still there.
    with open(state_dir / "waymark.mdb-lock", "r+b") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        agent = begin()
        agent.wait_line(LISTENING, PATIENCE)
        with Client(agent.target) as client:
            assert (client.health(), client.health(SERVICE)) == (NOT_SERVING, NOT_SERVING)
            for call in (
                lambda: client.set("2001:db8::1", flow_label=1),
                lambda: client.get("2001:db8::1"),
                client.marks,
                client.stats,
            ):
                with pytest.raises(Refused) as refused:
                    call()
                assert (refused.value.code, refused.value.reason) == ("UNAVAILABLE", "STARTING")
            fcntl.lockf(lock, fcntl.LOCK_UN)
            client.wait_serving()
            assert client.health(SERVICE) == SERVING
            client.set("2001:db8::1", flow_label=1)


def test_reads_are_answered_before_the_marks_are_in_force(begin):
    """Everything has to be programmed anew, for nothing is pinned: that takes a while."""
    many = 60_000
    with begin("--pin-dir", "").wait_ready() as agent, Client(agent.target) as client:
        answer = client.replace(
            ({"match": {"destination": f"2001:db8:1::{n:x}"}, "flow_label": n} for n in range(1, many)),
            chunk=5000,
        )
        assert answer.created == many - 1
    agent = begin("--pin-dir", "")
    agent.wait_line(LISTENING, PATIENCE)
    early = 0
    with Client(agent.target) as client:
        while True:
            try:
                mark = client.get("2001:db8:1::1")
            except Refused as refused:
                assert refused.reason == "STARTING"
                continue
            assert mark.flow_label == 1 and mark.revision == 1
            counted = mark.HasField("counters")
            try:
                client.set("2001:db8::2", flow_label=1)
                break
            except Refused as refused:
                assert (refused.code, refused.reason) == ("UNAVAILABLE", "STARTING")
                early += not counted
        assert client.get("2001:db8:1::1").HasField("counters")
    assert early > 0


def test_a_start_can_be_given_up(begin, state_dir):
    begin().wait_ready().stop()
    with open(state_dir / "waymark.mdb-lock", "r+b") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        agent = begin()
        agent.wait_line(LISTENING, PATIENCE)
        os.kill(agent.pid, signal.SIGTERM)
        fcntl.lockf(lock, fcntl.LOCK_UN)
        assert agent.wait_end() == 0
    assert "stopping on signal 15" in agent.log and "serving" not in agent.log


def test_the_holder_of_the_state_is_named(begin, start_agent, state_dir, elsewhere):
    with begin().wait_ready() as agent:
        # fmt: off
        done = waymarkd(elsewhere, "--pin-dir=", "--state-dir", str(state_dir),
                        "--listen", agent.target + ".2")
        # fmt: on
        assert done.returncode == 1
        assert f"{state_dir}/lock: in use by process {agent.pid}" in done.stderr


def damage(state_dir) -> None:
    (state_dir / "waymark.mdb").write_bytes(b"something else")


def take_away_the_right(state_dir) -> None:
    """Root reads everything; a folder in the place of the file nobody does."""
    (state_dir / "waymark.mdb").unlink()
    (state_dir / "waymark.mdb").mkdir()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (damage, "waymark.mdb: damaged, or not Waymark's"),
        (take_away_the_right, "waymark.mdb: "),
        (shutil.rmtree, "has no marks, but 1 are in force"),
    ],
)
def test_a_refused_start_takes_nothing_off(
    start_pinned, pin_dir, state_dir, network, capture, destination, spoil, words
):
    with start_pinned() as agent, Client(agent.target) as client:
        client.set(destination, flow_label=9)
    saved = state_dir.with_name(state_dir.name + "-saved")
    shutil.copytree(state_dir, saved)
    try:
        spoil(state_dir)
        # fmt: off
        done = waymarkd(network.node, "--interface", "data0", "--listen", agent.target,
                        "--pin-dir", str(pin_dir), "--state-dir", str(state_dir))
        # fmt: on
        assert done.returncode == 1
        assert str(state_dir) in done.stderr and words in done.stderr
        expect_marked(network, capture, destination, 9)
    finally:
        shutil.rmtree(state_dir, ignore_errors=True)
        shutil.copytree(saved, state_dir)
        shutil.rmtree(saved)
    with start_pinned() as agent, Client(agent.target) as client:
        assert client.get(destination).flow_label == 9


def test_a_read_only_directory_refuses_the_start(
    start_pinned, pin_dir, state_dir, network, capture, destination
):
    with start_pinned() as agent, Client(agent.target) as client:
        client.set(destination, flow_label=9)
    subprocess.run(["mount", "--bind", state_dir, state_dir], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", state_dir], check=True)
        # fmt: off
        done = waymarkd(network.node, "--interface", "data0", "--listen", agent.target,
                        "--pin-dir", str(pin_dir), "--state-dir", str(state_dir))
        # fmt: on
        assert done.returncode == 1 and "Read-only file system" in done.stderr
        expect_marked(network, capture, destination, 9)
    finally:
        subprocess.run(["umount", state_dir], check=True)
    with start_pinned() as agent, Client(agent.target) as client:
        assert client.get(destination).flow_label == 9


def test_marks_without_a_state_can_be_given_up(
    start_pinned, pin_dir, state_dir, network, destination
):
    with start_pinned() as agent, Client(agent.target) as client:
        client.set(destination, flow_label=9)
    shutil.rmtree(state_dir)
    clean(network.node, pin_dir)
    with start_pinned() as agent, Client(agent.target) as client:
        assert client.marks() == []


def expect_marked(network, capture, destination, label: int) -> None:
    before = len(capture.packets(lambda packet: packet.destination == destination))
    with UdpSender(network.node, destination) as sender:
        sender.send(b"x")
    arrived = capture.wait(before + 1, lambda packet: packet.destination == destination)
    assert arrived[-1].flow_label == label


# ---- reload ----


RELOADED = re.compile("info: reloaded$")
NOT_RELOADED = re.compile("error: not reloaded")


def registry(path, experiment: str) -> None:
    activities = [{"activityName": "run", "activityId": 7}]
    row = {"expName": experiment, "expId": 9, "activities": activities}
    text = json.dumps({"experiments": [row], "modified": experiment})
    # At once: whoever reads it meanwhile sees the one or the other.
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.rename(path)


@pytest.fixture
def site(tmp_path):
    """Configuration and registry in a directory; configure(text) writes the former."""
    registry(tmp_path / "registry.json", "lab")

    def configure(text: str):
        path = tmp_path / "waymark.yaml"
        path.write_text(f"registry: registry.json\n{text}\n", encoding="utf-8")
        return path

    configure.directory = tmp_path
    return configure


def test_what_may_change_changes_and_the_rest_is_named(start_agent, site, destination):
    path = site("interfaces: [ctl0]")
    with start_agent("--config", str(path)) as agent, Client(agent.target) as client:
        tag = {"experiment_id": 9, "activity_id": 7}
        assert client.set(destination, scitag=tag).mark.scitag.experiment == "lab"
        registry(site.directory / "registry.json", "hall")
        site("interfaces: [lo, nosuch0]\nlog: {level: debug}\naudit_interval: 5m")
        os.kill(agent.pid, signal.SIGHUP)
        agent.wait_line(RELOADED, PATIENCE)
        assert client.get(destination).scitag.experiment == "hall"
        assert client.set(destination, scitag={"experiment": "HALL"}).mark.revision > 1
        stats = client.stats()
        assert stats.node.registry_modified == "hall"
        rows = {row.name: row for row in stats.interfaces}
        assert set(rows) == {"data0", "lo", "nosuch0"} and rows["nosuch0"].error
        assert not rows["lo"].error
        agent.wait_line(re.compile("audit_interval: .* next start"), PATIENCE)
        assert "interface ctl0: detached" in agent.log


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda site: site("interfaces: [lo]\nnonsense: 1"), "waymark.yaml:3"),
        (lambda site: (site.directory / "registry.json").write_text("{"), "registry.json"),
    ],
)
def test_a_bad_file_changes_nothing(start_agent, site, destination, spoil, words):
    path = site("interfaces: [ctl0]")
    with start_agent("--config", str(path)) as agent, Client(agent.target) as client:
        site("interfaces: [lo]\nlog: {level: error}")
        spoil(site)
        os.kill(agent.pid, signal.SIGHUP)
        agent.wait_line(NOT_RELOADED, PATIENCE)
        assert words in agent.log
        stats = client.stats()
        assert {row.name for row in stats.interfaces} == {"data0", "ctl0"}
        assert stats.node.registry_modified == "lab"
        assert client.set(destination, scitag={"experiment": "lab"}).mark.revision


def test_certificates_are_renewed_and_a_bad_pair_is_not_taken(start_agent, directory):
    old, new = Authority(directory / "pki"), Authority(directory / "pki-new")
    target = f"[{Network.agent_address}]:50551"
    names = ("node.example.org", Network.agent_address)
    agent = start_agent("--listen", target, *old.agent(*names))
    new.agent(*names)
    before = old.client("cn", "cn:before")
    with agent, Client(target, before) as client:
        client.stats()
        shutil.copy(new.directory / "agent.key", old.directory / "agent.key")
        os.kill(agent.pid, signal.SIGHUP)
        agent.wait_line(NOT_RELOADED, PATIENCE)
        assert "do not work together" in agent.log
        with Client(target, before) as another:
            another.stats()
        after = new.client("cn", "cn:after")
        for file in ("agent.pem", "ca.pem"):
            shutil.copy(new.directory / file, old.directory / file)
        os.kill(agent.pid, signal.SIGHUP)
        agent.wait_line(RELOADED, PATIENCE)
        with Client(target, after) as another:
            assert another.stats().caller.identity == "cn:after"
        client.stats()


# ---- systemd ----


class Supervisor(AbstractContextManager):
    """What the agent tells systemd, message by message."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(PATIENCE)
        self.environment = {"NOTIFY_SOCKET": str(path)}

    def __exit__(self, *_):
        self._socket.close()

    def hear(self) -> dict[str, str]:
        lines = self._socket.recv(4096).decode().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def has_word(self) -> bool:
        return bool(select.select([self._socket], [], [], 0)[0])

    def drop(self) -> None:
        """What was said so far."""
        while self.has_word():
            self.hear()


def test_systemd_hears_of_the_states(begin, tmp_path):
    with Supervisor(tmp_path / "notify") as supervisor:
        agent = begin(environment=supervisor.environment)
        assert supervisor.hear() == {"READY": "1"}
        with Client(agent.target) as client:
            assert client.health() == SERVING
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        os.kill(agent.pid, signal.SIGHUP)
        reloading = supervisor.hear()
        assert reloading["RELOADING"] == "1" and int(reloading["MONOTONIC_USEC"]) >= before
        assert supervisor.hear() == {"READY": "1"}
        agent.stop()
        assert supervisor.hear() == {"STOPPING": "1"}


@pytest.fixture
def freezing_disk(tmp_path):
    """A file system whose writes can be made to wait."""
    image, mount = tmp_path / "image", tmp_path / "mount"
    with open(image, "wb") as file:
        file.truncate(64 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    mount.mkdir()
    subprocess.run(["mount", "-o", "loop", image, mount], check=True)
    try:
        yield mount
    finally:
        subprocess.run(["umount", mount], check=True)


def test_the_watchdog_is_fed_only_while_the_writer_answers(start_agent, tmp_path, freezing_disk):
    with ExitStack() as stack:
        supervisor = stack.enter_context(Supervisor(tmp_path / "notify"))
        environment = supervisor.environment | {"WATCHDOG_USEC": "400000"}
        state = ("--state-dir", str(freezing_disk / "state"))
        agent = stack.enter_context(start_agent(*state, environment=environment))
        client = stack.enter_context(Client(agent.target))
        pool = stack.enter_context(ThreadPoolExecutor(1))
        assert supervisor.hear() == {"READY": "1"}
        assert [supervisor.hear() for _ in range(5)] == [{"WATCHDOG": "1"}] * 5
        subprocess.run(["fsfreeze", "--freeze", freezing_disk], check=True)
        try:
            write = pool.submit(client.set, "2001:db8::1", flow_label=1)
            agent.wait_line(re.compile("no answer from the writer thread"), PATIENCE)
            supervisor.drop()
            assert client.health() == SERVING
            assert not supervisor.has_word()
        finally:
            subprocess.run(["fsfreeze", "--unfreeze", freezing_disk], check=True)
        assert write.result().mark.revision == 1
        assert supervisor.hear() == {"WATCHDOG": "1"}


def test_a_socket_of_systemd_is_served_and_stays(begin, tmp_path):
    path = tmp_path / "passed.sock"
    with socket.socket(socket.AF_UNIX) as passed:
        passed.bind(str(path))
        passed.listen()
        # Whoever comes before the agent waits for it.
        with Client(f"unix:{path}") as client:
            agent = begin(target=f"unix:{path}", passed=passed)
            client.wait_serving()
            assert client.stats().caller.identity == "unix:uid=0"
            agent.stop()
        assert path.exists()
        agent = begin(passed=passed)
        assert agent.wait_end() == 1
        assert "passed have no unix:/path in listen" in agent.log


# ---- stop ----


def test_a_client_that_only_holds_a_connection_does_not_hold_up_the_end(begin):
    agent = begin().wait_ready()
    with Client(agent.target) as client:
        client.stats()
        begun = time.monotonic()
        agent.stop()
        assert time.monotonic() - begun < AT_ONCE
