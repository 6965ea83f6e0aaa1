# SPDX-License-Identifier: Apache-2.0
"""`waymark` with many marks: files of updates, leases, fencing, watching."""

import json
import os
import signal
import subprocess

import pytest
from google.protobuf import json_format

from lib import pb
from lib.agent import BINARIES
from lib.cli import Watch, environment

wm = pb.waymark

OK, USAGE, NOT_FOUND, PERMISSION, STATE = 0, 2, 3, 4, 5
_TIMEOUT = 30


@pytest.fixture
def cli(client):
    """Runs a command against the agent, with text as its standard input."""

    def run(*arguments, text: str = "") -> subprocess.CompletedProcess:
        done = subprocess.run(
            [BINARIES / "waymark", "--target", client.target, *map(str, arguments)],
            env=environment(),
            input=text,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
        assert "Sanitizer" not in done.stderr, done.stderr
        return done

    return run


def lines(*values: dict) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def mark(destination, **fields) -> dict:
    return {"match": {"destination": str(destination)}} | (fields or {"flowLabel": 1})


def summary(done) -> dict[str, int]:
    words = done.stdout.removeprefix("would be: ").strip().split(", ")
    return {name: int(count) for count, name in (word.split() for word in words)}


def writable(marks) -> list:
    """What a client says of marks."""
    for each in marks:
        for name in ("revision", "create_time", "expire_time", "counters"):
            each.ClearField(name)
    return sorted(marks, key=lambda each: each.SerializeToString(deterministic=True))


def test_what_list_prints_replace_takes(cli, client, network):
    lease = json.loads(cli("lease", "grant", "1h", "-o", "json").stdout)["lease"]["leaseId"]
    destination = str(network.new_destination())
    flow = wm.Match(
        destination=destination, source="2001:db8::5", protocol=6, source_port=1, destination_port=2
    )
    client.set("2001:db8:7::/48", flow_label=0xFFFFF, dscp=0, cookie="ü \n")
    client.set(flow, scitag={"experiment_id": 3, "activity_id": 14}, lease_id=int(lease))
    client.set(destination, dscp=46, ttl={"seconds": 90})
    listed = cli("list", "-o", "jsonl").stdout
    before = writable(client.marks())

    again = cli("replace", "-", text=listed)
    assert (again.returncode, again.stderr) == (OK, "")
    assert summary(again)["unchanged"] == 3

    emptied = cli("replace", "-", "--allow-empty")
    assert summary(emptied)["removed"] == 3 and client.marks() == []
    back = cli("replace", "-", text=listed)
    assert summary(back)["created"] == 3, back.stderr
    assert writable(client.marks()) == before
    assert cli("lease", "revoke", lease).returncode == OK


def test_an_empty_file_is_no_declaration(cli, client, destination):
    client.set(destination, flow_label=1)
    done = cli("replace", "-")
    assert done.returncode == USAGE and "--allow-empty" in done.stderr
    assert len(client.marks()) == 1


def test_replace_only_if_nothing_changed_since(cli, client, destination):
    revision = client.set(destination, flow_label=1).mark.revision
    client.set(destination, flow_label=2)
    text = lines(mark(destination, flowLabel=3))
    done = cli("replace", "-", "--if-owner-revision", revision, text=text)
    assert done.returncode == STATE and "REVISION_MISMATCH" in done.stderr
    assert client.get(destination).flow_label == 2
    assert cli("replace", "-", "--if-owner-revision", revision + 1, text=text).returncode == OK
    assert client.get(destination).flow_label == 3


def test_more_updates_than_one_call_takes(cli, client):
    count = client.stats().limits.max_updates + 5
    text = lines(*(mark(f"2001:db8:1::{n:x}") for n in range(1, count + 1)))
    done = cli("apply", "-", "--all-or-nothing", text=text)
    assert done.returncode == USAGE and str(count) in done.stderr
    assert client.stats().caller.mark_count == 0
    try:
        done = cli("apply", "-", text=text)
        assert (done.returncode, summary(done)["created"]) == (OK, count)
        done = cli("apply", "-", "--only-failures", text=text)
        assert summary(done) == {"done": count, "failed": 0}
        assert len(cli("list", "-o", "jsonl").stdout.splitlines()) == count
    finally:
        assert cli("replace", "-", "--allow-empty").returncode == OK


def test_failures_have_lines_and_the_others_go_on(cli, client, network):
    foreign, own = network.new_destination(), network.new_destination()
    client.set(foreign, flow_label=9, owner="rucio")
    text = lines(mark(own), mark(foreign), {"clear": {"destination": str(foreign)}})
    done = cli("apply", "-", text=text)
    assert done.returncode == PERMISSION
    assert summary(done)["created"] == 1 and summary(done)["failed"] == 2
    first, second = done.stderr.splitlines()
    assert first.startswith("waymark: <stdin>:2: ") and "NOT_OWNER" in first
    assert second.startswith("waymark: <stdin>:3: ") and "rucio" in second
    assert client.get(own).flow_label == 1 and client.get(foreign).flow_label == 9


def test_all_or_nothing_is_nothing(cli, client, network):
    foreign, own = network.new_destination(), network.new_destination()
    client.set(foreign, flow_label=9, owner="rucio")
    before = client.marks()
    for command in ("apply", "replace"):
        done = cli(command, "-", "--all-or-nothing", text=lines(mark(own), mark(foreign)))
        assert done.returncode == PERMISSION
        assert "<stdin>:2: " in done.stderr, done.stderr
        assert client.marks() == before


def test_unknown_names_are_the_agents_to_refuse(cli, client, destination):
    done = cli("apply", "-", text=lines(mark(destination, scitag="nobody/1")))
    assert done.returncode == USAGE
    assert "<stdin>:1: " in done.stderr and "nobody" in done.stderr
    assert client.marks() == []


def test_dry_runs_change_nothing(cli, client, destination):
    revision = client.stats().header.revision
    text = lines(mark(destination))
    assert cli("set", destination, "--label", 1, "--dry-run").stdout.splitlines()[1].startswith(
        "CREATED"
    )
    for command in ("apply", "replace"):
        done = cli(command, "-", "--dry-run", text=text)
        assert done.stdout.startswith("would be: 1 created"), done
    assert cli("lease", "grant", "1h", "--dry-run").returncode == OK
    assert client.marks() == [] and client.stats().header.revision == revision
    assert json.loads(cli("lease", "list", "-o", "json").stdout) == {"leases": []}


def test_preconditions(cli, client, destination):
    first = client.set(destination, flow_label=1).mark
    again = cli("set", destination, "--label", 2, "--must-not-exist")
    assert again.returncode == STATE and "MARK" in again.stderr
    stale = cli("set", destination, "--label", 2, "--if-revision", first.revision + 1)
    assert stale.returncode == STATE and "REVISION_MISMATCH" in stale.stderr
    stale = cli("clear", destination, "--if-revision", first.revision + 1)
    assert stale.returncode == STATE
    assert client.get(destination).flow_label == 1
    assert cli("clear", destination, "--if-revision", first.revision).returncode == OK
    conditional = {"set": mark(destination), "precondition": {"mustNotExist": True}}
    assert summary(cli("apply", "-", text=lines(conditional, conditional))) == {
        "created": 1, "updated": 0, "unchanged": 0, "removed": 0, "absent": 0, "failed": 1
    }  # fmt: skip


def test_an_old_primary_is_fenced_off(cli, client, destination):
    owner = ["--owner", "fenced"]
    assert cli("apply", "-", *owner, "--election-id", 7).returncode == OK
    assert cli("set", destination, "--label", 1, *owner, "--election-id", 8).returncode == OK
    assert client.get(destination).owner == "fenced"


def test_leases(cli, client, network):
    lease = json.loads(cli("lease", "grant", "1h", "-o", "json").stdout)["lease"]["leaseId"]
    destinations = [network.new_destination() for _ in range(3)]
    for destination in destinations:
        done = cli("set", destination, "--label", 1, "--lease", lease)
        assert done.returncode == OK, done.stderr
    free = client.set(network.new_destination(), flow_label=2).mark
    listed = cli("list", "--lease", lease, "-o", "jsonl").stdout.splitlines()
    assert [json.loads(line)["leaseId"] for line in listed] == [lease] * 3
    (shown,) = cli("lease", "list", "-o", "jsonl").stdout.splitlines()
    assert json.loads(shown)["markCount"] == "3"
    assert cli("lease", "renew", lease).returncode == OK
    revoked = cli("lease", "revoke", lease)
    assert revoked.stdout.split() == ["OUTCOME", "MARKS", "REMOVED", "REMOVED", "3"]
    assert [each.match for each in client.marks()] == [free.match]
    assert cli("lease", "revoke", lease).stdout.splitlines()[1].startswith("ABSENT")
    assert cli("lease", "renew", lease).returncode == NOT_FOUND


# ---- watch ----


def test_watch_tells_each_change_at_once(client, network):
    there, destination = network.new_destination(), network.new_destination()
    client.set(there, flow_label=1)
    with Watch(client.target) as watch:
        assert watch.line()["mark"]["match"]["destination"] == str(there)
        assert "synced" in watch.line()
        put = client.set(destination, flow_label=2).mark
        event = json_format.ParseDict(watch.line(), wm.MarkEvent())
        put.ClearField("counters")
        assert event == wm.MarkEvent(type=wm.MarkEvent.TYPE_PUT, mark=put)
        client.clear(destination)
        removed = watch.line()
        assert removed["type"] == "TYPE_REMOVED"
        assert removed["reason"] == "REMOVAL_REASON_CLEARED"
        assert removed["mark"]["match"]["destination"] == str(destination)


def test_watch_filters(client, network):
    wanted, other = network.new_destination(), network.new_destination()
    with Watch(client.target, "--destination", str(wanted), "--updates-only") as watch:
        watch.synced()
        client.set(other, flow_label=1)
        client.set(wanted, flow_label=1)
        assert watch.line()["mark"]["match"]["destination"] == str(wanted)


def test_watch_until_synced_is_a_dump(cli, client, network):
    for n in range(3):
        client.set(network.new_destination(), flow_label=n)
    done = cli("watch", "--until-synced", "-o", "jsonl")
    *events, synced = map(json.loads, done.stdout.splitlines())
    assert (done.returncode, done.stderr, len(events)) == (OK, "", 3) and "synced" in synced
    table = cli("watch", "--until-synced").stdout.splitlines()
    assert table[0].split()[:2] == ["EVENT", "REVISION"] and table[-1].startswith("SYNCED")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_watch_ends_with_a_signal(client, number):
    with Watch(client.target) as watch:
        watch.synced().process.send_signal(number)
        assert watch.end() == (OK, "")


def test_watch_ends_when_nobody_reads(client):
    """Without anything to write: a quiet agent must not keep a dead pipeline alive."""
    with Watch(client.target) as watch:
        watch.synced().process.stdout.close()
        assert watch.process.wait(_TIMEOUT) == OK
        assert watch.process.stderr.read() == b""


# ---- pipes and shells ----


def test_a_reader_that_has_seen_enough_is_no_failure(client, network):
    for n in range(3):
        client.set(network.new_destination(), flow_label=n)
    waymark = f"{BINARIES}/waymark --target {client.target} list --page-size 1 -o jsonl"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {waymark} | head -n 1"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        check=False,
    )
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (OK, "", 1)


def test_a_full_disk_is_a_failure(client):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [BINARIES / "waymark", "--target", client.target, "list"],
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    assert done.returncode == 1 and "No space left on device" in done.stderr


def complete(directory, *words: str) -> list[str]:
    """What bash offers for the last word."""
    script = """
        source <(waymark completion bash)
        compopt() { echo "compopt $*"; }
        COMP_WORDS=(waymark "$@")
        COMP_CWORD=$#
        _waymark
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "-ec", script, "bash", *words],
        env=environment(
            PATH=f"{BINARIES}:{os.environ['PATH']}", WAYMARK_CONFIG=f"{directory}/config.yaml"
        ),
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_completion_in_bash(directory):
    (directory / "config.yaml").write_text("contexts: {prod: {target: h}, dev: {target: i}}")
    assert complete(directory, "li") == ["list"]
    assert complete(directory, "lease", "") == ["grant", "renew", "revoke", "list"]
    assert complete(directory, "list", "--kind", "e") == ["endpoint"]
    assert complete(directory, "list", "--output", "=", "j") == ["json", "jsonl"]
    assert complete(directory, "--context", "") == ["prod", "dev"]
    assert "--all-or-nothing" in complete(directory, "apply", "--")
    assert complete(directory, "apply", "") == ["compopt", "-o", "default"]


def test_contexts_reach_an_agent(client, directory):
    config = str(directory / "contexts.yaml")

    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [BINARIES / "waymark", *arguments],
            env=environment(WAYMARK_CONFIG=config),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )

    assert run("context", "set", "here", "--target", client.target).returncode == OK
    assert run("context", "set", "gone", "--target", f"unix:{directory}/none").returncode == OK
    assert os.stat(config).st_mode & 0o777 == 0o600
    assert run("stats").returncode == OK
    assert run("stats", "--context", "gone", "--timeout", "1").returncode != OK
    assert run("context", "use", "gone").returncode == OK
    assert run("stats", "--timeout", "1").returncode != OK
    assert run("stats", "--context", "here").returncode == OK
