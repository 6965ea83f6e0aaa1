# SPDX-License-Identifier: Apache-2.0
"""The audit log: a line for each change and each refusal, whatever becomes of its file."""

import json
import os
import re
import signal
from pathlib import Path

import pytest

from lib import pb
from lib.agent import waymarkd
from lib.client import Client, Refused

wm = pb.waymark
PATIENCE = 10


@pytest.fixture
def destination(network):
    return str(network.new_destination())


@pytest.fixture
def audit(directory, request):
    return directory / f"{request.node.name}.jsonl"


def read(path: Path) -> list[dict]:
    """Its lines; whole once the agent has ended."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def pick(line: dict, *keys: str) -> tuple:
    return tuple(line.get(key) for key in keys)


def test_changes(start_agent, audit, destination):
    with start_agent("--audit-file", str(audit)) as agent, Client(agent.target) as client:
        client.set(destination, flow_label=5)
        client.set(destination, flow_label=5)
        client.set(destination, scitag={"experiment_id": 2, "activity_id": 3}, dscp=None)
        client.set(destination, flow_label=7, options={"validate_only": True})
        client.clear(destination)
        lease = client.grant(60)
        client.renew(lease.lease_id)
        client.revoke(lease.lease_id)
        client.replace([], allow_empty=True)
    lines = read(audit)
    assert {pick(line, "event", "peer") for line in lines} == {("change", f"unix:pid={os.getpid()}")}
    assert {pick(line, "identity", "owner") for line in lines} == {("unix:uid=0", "unix:uid=0")}
    what = ("rpc", "outcome", "revision_before", "revision")
    assert [pick(line, *what) for line in lines] == [
        ("SetMark", "CREATED", 0, 1),
        ("SetMark", "UNCHANGED", 1, 1),
        ("SetMark", "UPDATED", 1, 2),
        ("ClearMark", "REMOVED", 2, 3),
        ("GrantLease", None, 3, 3),
        ("RenewLease", None, 3, 3),
        ("RevokeLease", "REMOVED", 3, 3),
        ("ReplaceMarks", None, 3, 3),
    ]
    assert {line["destination"] for line in lines[:4]} == {destination}
    assert lines[0]["flow_label"] == 5 and pick(lines[2], "experiment", "activity") == (2, 3)
    assert pick(lines[4], "lease", "ttl_s") == (lease.lease_id, 60)
    assert lines[6]["lease"] == lease.lease_id and lines[7]["updates"] == 0
    request = wm.SetMarkRequest(
        mark=wm.Mark(match=wm.Match(destination=destination), flow_label=5),
        options=wm.WriteOptions(),
    )
    assert lines[0]["request_bytes"] == request.ByteSize()


def test_a_batch_is_one_line(start_agent, audit, network):
    first, second = (str(network.new_destination()) for _ in range(2))
    with start_agent("--audit-file", str(audit)) as agent, Client(agent.target) as client:
        client.apply(
            {"set": {"match": {"destination": first}, "flow_label": 1}},
            {"set": {"match": {"destination": second}, "flow_label": 2}},
            {"set": {"match": {"destination": "10.0.0.1"}, "flow_label": 2}},
            {"clear": {"destination": first}},
        )
    (line,) = read(audit)
    counts = ("updates", "created", "removed", "failed", "failure")
    assert pick(line, *counts) == (4, 2, 1, 1, "IPV4_UNSUPPORTED")
    assert pick(line, "revision_before", "revision") == (0, 3)


def test_refusals(start_agent, audit, directory, destination):
    policy = directory / "audit-policy.yaml"
    policy.write_text(
        "rules:\n  - {identity: 'unix:uid=0', role: writer, experiments: [cms]}\n", encoding="utf-8"
    )
    options = ("--audit-file", str(audit), "--policy", str(policy))
    with start_agent(*options) as agent, Client(agent.target) as client:
        for label in (1 << 20, 5):
            with pytest.raises(Refused):
                client.set(destination, flow_label=label)
        with pytest.raises(Refused):
            client.get(destination)  # a reader learns that there is none: nobody was refused
        with pytest.raises(Refused):
            client.call_raw("/waymark.v1.MarkerService/SetMark", b"\xff")
        with pytest.raises(Refused):
            client.call_raw("/waymark.v1.MarkerService/Nonsense", b"")
        with pytest.raises(Refused):
            client.clear(destination, precondition=wm.Precondition(must_not_exist=True))
    lines = read(audit)
    assert {line["event"] for line in lines} == {"refused"}
    assert [pick(line, "rpc", "code", "reason", "field") for line in lines[:2]] == [
        ("SetMark", 3, "OUT_OF_RANGE", "mark.flow_label"),
        ("SetMark", 7, "POLICY", "mark.flow_label"),
    ]
    assert "1048576" in lines[0]["message"]
    assert pick(lines[2], "rpc", "code", "request_bytes") == ("SetMark", 3, 1)
    assert lines[3]["code"] == 12 and "Nonsense" in lines[3]["message"]
    assert lines[4]["rpc"] == "ClearMark" and len(lines) == 5


def test_a_full_disk_stops_nobody(start_agent, audit, network):
    audit.symlink_to("/dev/full")
    with start_agent("--audit-file", str(audit)) as agent, Client(agent.target) as client:
        destinations = [str(network.new_destination()) for _ in range(3)]
        for destination in destinations:
            client.set(destination, flow_label=5)
        agent.wait_line(re.compile(f"audit log {audit}: No space left"), PATIENCE)
        assert {mark.match.destination for mark in client.marks()} == set(destinations)
        client.clear(destinations[0])
    assert agent.log.count("No space left") == 1


def test_opened_anew_at_a_reload(start_agent, audit, destination):
    moved = audit.with_suffix(".1")
    with start_agent("--audit-file", str(audit)) as agent, Client(agent.target) as client:
        client.set(destination, flow_label=5)
        audit.rename(moved)
        os.kill(agent.pid, signal.SIGHUP)
        agent.wait_line(re.compile("reloaded"), PATIENCE)
        client.clear(destination)
    assert [line["rpc"] for line in read(moved) + read(audit)] == ["SetMark", "ClearMark"]
    assert [line["rpc"] for line in read(audit)][-1] == "ClearMark"


def test_on_stderr(start_agent, destination):
    with start_agent("--audit-file", "-") as agent, Client(agent.target) as client:
        client.set(destination, flow_label=5)
        line = agent.wait_line(re.compile('^{"time"'), PATIENCE)
    assert json.loads(line)["destination"] == destination


def test_a_file_that_cannot_be_opened_stops_the_start(network):
    done = waymarkd(network.node, "--audit-file", "/no/such/folder/audit", "--pin-dir=")
    assert done.returncode == 1
    assert "audit log /no/such/folder/audit: No such file" in done.stderr
