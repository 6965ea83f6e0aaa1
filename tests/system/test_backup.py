# SPDX-License-Identifier: Apache-2.0
"""waymarkd --backup, beside a busy agent, and --restore."""

import threading
from ipaddress import IPv6Address
from pathlib import Path

from lib.agent import Agent, waymarkd
from lib.client import Client

WRITERS = 4
BACKUPS = 3
BETWEEN = 200  # acknowledged writes before each backup
PATIENCE = 20


def waymarkd_on(space, state_dir: Path, *options: str):
    return waymarkd(space, "--state-dir", str(state_dir), *options)


class Writer(threading.Thread):
    """Makes one mark after the other until it is told to stop."""

    def __init__(self, target: str, number: int, progress: threading.Condition):
        super().__init__(daemon=True)
        self.acknowledged = 0
        self.stopping = False
        self.failure: Exception | None = None
        self._target, self._number, self._progress = target, number, progress

    def address(self, index: int) -> str:
        return str(IPv6Address(f"2001:db8:{self._number}::") + index)

    def run(self) -> None:
        try:
            with Client(self._target) as client:
                while not self.stopping:
                    client.set(self.address(self.acknowledged), flow_label=1)
                    with self._progress:
                        self.acknowledged += 1
                        self._progress.notify_all()
        except Exception as failure:  # the test shall see it
            with self._progress:
                self.failure = failure
                self._progress.notify_all()


def wait_written(writers, progress: threading.Condition, count: int) -> None:
    with progress:
        done = progress.wait_for(
            lambda: any(writer.failure for writer in writers)
            or sum(writer.acknowledged for writer in writers) >= count,
            PATIENCE,
        )
    for writer in writers:
        if writer.failure:
            raise writer.failure
    assert done, f"no {count} writes in {PATIENCE} s"


def back_up_under_load(agent: Agent, network, state_dir: Path, directory: Path) -> list:
    """Backups, and for each what every writer knew to be done before it began."""
    progress = threading.Condition()
    writers = [Writer(agent.target, number, progress) for number in range(WRITERS)]
    known = []
    for writer in writers:
        writer.start()
    try:
        for number in range(BACKUPS):
            wait_written(writers, progress, BETWEEN * (number + 1))
            known.append([writer.acknowledged for writer in writers])
            file = directory / f"busy-{number}.backup"
            done = waymarkd_on(network.node, state_dir, "--backup", str(file))
            assert (done.returncode, done.stderr) == (0, "")
    finally:
        for writer in writers:
            writer.stopping = True
        for writer in writers:
            writer.join()
    wait_written(writers, progress, 0)
    return known


def test_a_backup_under_load_is_a_moment_of_the_state(
    start_agent, network, directory, state_dir, tmp_path
):
    with start_agent("--state-dir", str(state_dir)) as agent:
        known = back_up_under_load(agent, network, state_dir, directory)
        with Client(agent.target) as client:
            state_id = client.stats().header.state_id
    state_ids = {state_id}
    for number, before in enumerate(known):
        restored = tmp_path / str(number)
        file = directory / f"busy-{number}.backup"
        assert waymarkd_on(network.node, restored, "--restore", str(file)).returncode == 0
        with start_agent("--state-dir", str(restored)) as agent, Client(agent.target) as client:
            marks = client.marks(page_size=1000)
            # Nothing but new marks was written: without a gap, this is all up to a moment.
            revisions = [mark.revision for mark in marks]
            assert revisions == list(range(1, len(marks) + 1))
            present = {mark.match.destination for mark in marks}
            for number_of, acknowledged in enumerate(before):
                writer = Writer("", number_of, threading.Condition())
                assert {writer.address(index) for index in range(acknowledged)} <= present
            state_ids.add(client.stats().header.state_id)
            assert client.set("2001:db8:ffff::1", flow_label=2).header.revision == len(marks) + 1
    assert len(state_ids) == BACKUPS + 1


def test_what_cannot_be_backed_up_or_restored_is_said(
    start_agent, network, directory, state_dir, tmp_path
):
    def run(*options: str) -> str:
        done = waymarkd_on(network.node, state_dir, *options)
        assert done.returncode == 1
        return done.stderr

    file, other = directory / "small.backup", directory / "other"
    assert f"{state_dir}/waymark.mdb: No such file" in run("--backup", str(file))
    assert not file.exists()
    with start_agent("--state-dir", str(state_dir)) as agent:
        with Client(agent.target) as client:
            client.set("2001:db8::1", flow_label=1)
        assert waymarkd_on(network.node, state_dir, "--backup", str(file)).returncode == 0
        assert f"{file}: File exists" in run("--backup", str(file))
        assert f"in use by process {agent.pid}" in run("--restore", str(file))
    assert "there is a database already" in run("--restore", str(file))
    other.write_bytes(b"something else")
    for source, words in ((other, "not Waymark's"), (tmp_path / "none", "No such file")):
        done = waymarkd_on(network.node, tmp_path / "new", "--restore", str(source))
        assert done.returncode == 1 and str(source) in done.stderr and words in done.stderr
    assert not (tmp_path / "new/waymark.mdb").exists()
