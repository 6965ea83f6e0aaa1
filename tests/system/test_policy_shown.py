# SPDX-License-Identifier: Apache-2.0
"""What callers are told of their rule, and what --check says of the policy and the registry."""

import subprocess

import pytest
from google.protobuf import json_format

from lib import pb
from lib.agent import BINARIES
from lib.cli import environment
from lib.client import Client

wm = pb.waymark

WRITER = """\
rules:
  - {identity: "dns:*", role: viewer}
  - identity: "unix:uid=0"
    role: writer
    owner: rucio
    experiments: [cms, 2]
    destinations: ["2001:db8:b::/48", "2001:db8:ffff::1"]
    dscp: [46, 0]
    max_ttl: 1d12h
    quota: 100
"""


@pytest.fixture
def policy(directory):
    """Writes a policy; answers its path."""

    def write(text: str) -> str:
        path = directory / "policy.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def whoami(target: str, *options: str) -> str:
    command = [BINARIES / "waymark", "--target", target, "whoami", *options]
    return subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=30, check=True
    ).stdout


def test_a_writer_is_told_its_limits(start_agent, policy, destination):
    with start_agent("--policy", policy(WRITER.replace("1d12h", "36h"))) as agent:
        with Client(agent.target) as client:
            client.set(destination, scitag={"experiment_id": 2}, ttl={"seconds": 60})
        shown = whoami(agent.target)
        told = json_format.Parse(whoami(agent.target, "-o", "json"), wm.Caller())
    assert told == wm.Caller(
        identity="unix:uid=0",
        owner="rucio",
        role=wm.ROLE_WRITER,
        mark_count=1,
        quota=100,
        policy_line=3,
        experiment_ids=[2, 3],
        destinations=["2001:db8:b::/48", "2001:db8:ffff::1/128"],
        dscps=[0, 46],
        max_ttl={"seconds": 36 * 3600},
    )
    rows = dict(line.split("  ", 1) for line in shown.splitlines())
    assert rows["LONGEST TTL"].strip() == "1d12h" and rows["DSCP"].strip() == "0, 46"


def test_an_admin_has_no_limits(start_agent):
    with start_agent() as agent:
        told = json_format.Parse(whoami(agent.target, "-o", "json"), wm.Caller())
    assert told == wm.Caller(identity="unix:uid=0", owner="unix:uid=0", role=wm.ROLE_ADMIN)


def check(*options: str) -> subprocess.CompletedProcess:
    command = [BINARIES / "waymarkd", "--check", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_check_reads_policy_and_registry(policy, directory):
    good = policy("rules:\n  - {identity: 'unix:uid=0', role: admin}\n")
    done = check("--policy", good)
    assert (done.returncode, done.stderr) == (0, "")
    bad = policy("rules:\n  - {identity: 'unix:uid=0', role: king}\n")
    done = check("--policy", bad)
    assert done.returncode == 1 and f"{bad}:2: " in done.stderr and "king" in done.stderr
    registry = directory / "registry.json"
    registry.write_text("{", encoding="utf-8")
    done = check("--registry", str(registry))
    assert done.returncode == 1 and str(registry) in done.stderr
