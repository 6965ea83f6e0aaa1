# SPDX-License-Identifier: Apache-2.0
"""`waymark` as people and scripts run it: answers, errors and exit codes."""

import csv
import json
import os
import subprocess
from dataclasses import dataclass

import pytest
from google.protobuf import json_format

from lib import REPOSITORY, pb
from lib.agent import BINARIES
from lib.packet import encode_label
from lib.tls import Authority

wm = pb.waymark
LABELS = REPOSITORY / "tests/data/scitags-labels.csv"

OK, USAGE, NOT_FOUND, PERMISSION, UNAVAILABLE = 0, 2, 3, 4, 7


@dataclass
class Done:
    status: int
    out: str
    err: str

    def message(self, kind):
        """What it printed, read as the JSON form of a message; unknown fields are an error."""
        assert (self.status, self.err) == (OK, "")
        return json_format.Parse(self.out, kind())


def run(*arguments, **environment: str) -> Done:
    bare = {name: text for name, text in os.environ.items() if not name.startswith("WAYMARK_")}
    done = subprocess.run(
        [BINARIES / "waymark", *map(str, arguments)],
        env=bare | environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "Sanitizer" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def cli(client):
    """Runs a command against the agent."""
    return lambda *arguments: run("--target", client.target, *arguments)


@pytest.fixture
def cli_json(client):
    return lambda *arguments: run("--target", client.target, "-o", "json", *arguments)


@pytest.mark.parametrize(
    ("options", "mark"),
    [
        (["--scitag", "cms/Analysis Input"], {"scitag": {"experiment_id": 3, "activity_id": 14}}),
        (["--scitag", "CMS/14"], {"scitag": {"experiment_id": 3, "activity_id": 14}}),
        (["--scitag", "3/14"], {"scitag": {"experiment_id": 3, "activity_id": 14}}),
        (["--scitag", "206"], {"scitag": {"experiment_id": 3, "activity_id": 14}}),
        (["--label", "0xABCDE"], {"flow_label": 0xABCDE}),
        (["--label", "7", "--dscp", "0"], {"flow_label": 7, "dscp": 0}),
        (["--dscp", "46"], {"dscp": 46}),
        (["--label", "0", "--cookie", "a b"], {"flow_label": 0, "cookie": "a b"}),
        (["--label", "1", "--owner", "rucio"], {"flow_label": 1, "owner": "rucio"}),
    ],
)
def test_set(cli_json, client, destination, options, mark):
    answer = cli_json("set", destination, *options).message(wm.SetMarkResponse)
    assert answer.outcome == wm.OUTCOME_CREATED
    stored = client.get(destination)
    assert answer.mark == stored
    expected = wm.Mark(**{"owner": "unix:uid=0"} | mark)
    for name in ("flow_label", "dscp"):
        assert stored.HasField(name) == expected.HasField(name)
    for name in ("flow_label", "dscp", "cookie", "owner"):
        assert getattr(stored, name) == getattr(expected, name)
    assert ids(stored) == ids(expected)


def ids(mark) -> tuple | None:
    scitag = mark.scitag
    return (scitag.experiment_id, scitag.activity_id) if mark.HasField("scitag") else None


def test_get_list_clear_and_stats_answer_what_the_agent_says(cli_json, client, destination):
    mark = client.set(destination, flow_label=5, cookie="c").mark
    assert cli_json("get", destination).message(wm.GetMarkResponse).mark == mark
    assert cli_json("get", destination, "--effective").message(wm.GetMarkResponse).mark == mark
    listed = cli_json("list", "--counters").message(wm.ListMarksResponse)
    assert list(listed.marks) == [mark]
    stats = cli_json("stats").message(wm.StatsResponse)
    assert stats.caller == client.stats().caller and stats.node == client.stats().node
    cleared = cli_json("clear", destination).message(wm.ClearMarkResponse)
    assert cleared.outcome == wm.OUTCOME_REMOVED
    mark.revision = cleared.header.revision  # of the last change: its removal
    assert cleared.mark == mark
    again = cli_json("clear", destination).message(wm.ClearMarkResponse)
    assert again.outcome == wm.OUTCOME_ABSENT


def test_list_follows_pages_and_filters(cli_json, client, network):
    marks = [client.set(network.new_destination(), flow_label=n, cookie=str(n % 2)).mark
             for n in range(7)]  # fmt: skip

    def listed(*options):
        found = cli_json("list", "--counters", "--page-size", 2, *options)
        return list(found.message(wm.ListMarksResponse).marks)

    assert listed() == marks
    assert listed("--cookie", "1") == marks[1::2]
    assert listed("--label", "3") == [marks[3]]
    assert listed("--prefix", marks[4].match.destination) == [marks[4]]
    assert listed("--kind", "flow") == []
    assert listed("--owner", "nobody") == []


def test_jsonl_is_one_mark_a_line(client, network):
    marks = [client.set(network.new_destination(), flow_label=n).mark for n in range(3)]
    done = run("--target", client.target, "-o", "jsonl", "list", "--counters")
    assert [json_format.Parse(line, wm.Mark()) for line in done.out.splitlines()] == marks


def test_tables_are_for_people(cli, destination):
    done = cli("set", destination, "--scitag", "cms/Analysis Input")
    assert done.status == OK
    header, row = done.out.splitlines()
    assert header.split()[:3] == ["OUTCOME", "KIND", "MATCH"]
    assert row.startswith("CREATED") and str(destination) in row
    assert "cms/Analysis Input (3/14)" in row
    assert str(destination) in cli("list").out
    assert "cms/Analysis Input (3/14)" in cli("get", destination).out
    stats = cli("stats").out
    assert "unix:uid=0" in stats and "ADMIN" in stats
    assert cli("clear", destination).out.splitlines()[1].startswith("REMOVED")


# ---- errors ----


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [
        (["set", "192.0.2.1", "--label", "1"], "mark.match.destination", "192.0.2.1"),
        (["set", "2001:db8::1/64", "--label", "1"], "mark.match.destination", "2001:db8::1/64"),
        (["set", "::1", "--scitag", "nobody/1"], "mark.scitag.experiment", "nobody"),
        (["get", "fe80::1%eth0"], "match.destination", "fe80::1%eth0"),
        (["clear", "x"], "match.destination", "x"),
        (["list", "--prefix", "y"], "filter.destination_prefix", "y"),
    ],
)
def test_refusals_name_field_and_value(cli, client, arguments, field, value):
    before = client.marks()
    done = cli(*arguments)
    assert (done.status, done.out) == (USAGE, "")
    assert field in done.err and value in done.err
    assert len(done.err.splitlines()) == 1
    assert client.marks() == before


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (["set", "::1", "--label", "0x100000"], "0x100000"),
        (["set", "::1", "--label", "-1"], "-1"),
        (["set", "::1", "--label", "x"], "x"),
        (["set", "::1", "--scitag", "512/1"], "512"),
        (["set", "::1", "--scitag", "3/64"], "64"),
        (["set", "::1", "--dscp", "64"], "64"),
        (["set", "::1", "--nonsense"], "--nonsense"),
        (["set", "::1", "extra", "--label", "1"], "extra"),
        (["nonsense"], "nonsense"),
        (["set"], "DESTINATION"),
        ([], "command"),
    ],
)
def test_wrong_usage_is_said_without_a_call(arguments, value):
    done = run("--target", "unix:/no/such/socket", *arguments)
    assert (done.status, done.out) == (USAGE, "")
    assert value in done.err and len(done.err.splitlines()) == 1


def test_exit_codes_tell_classes_apart(cli, client, destination):
    assert cli("get", destination).status == NOT_FOUND
    client.set(destination, flow_label=1, owner="rucio")
    done = cli("set", destination, "--label", "1")
    assert done.status == PERMISSION and "rucio" in done.err
    client.clear(destination, owner="rucio")
    assert cli("clear", destination).status == OK


def test_an_agent_that_is_not_there(directory):
    target = f"unix:{directory}/no.sock"
    done = run("--target", target, "--timeout", "2", "list")
    assert (done.status, done.out) == (UNAVAILABLE, "")
    assert target in done.err


# ---- TLS ----


def test_mutual_tls_by_options_and_by_environment(start_agent, elsewhere, directory):
    authority = Authority(directory / "pki")
    target = "[::1]:50555"
    options = authority.agent("::1")
    files = authority.client("controller", "dns:controller.example.org")
    with start_agent("--listen", target, *options, interface="lo", space=elsewhere), elsewhere:
        # fmt: off
        by_options = run("--target", target, "--tls-ca", files.ca,
                         "--tls-cert", files.certificate, "--tls-key", files.key,
                         "-o", "json", "stats").message(wm.StatsResponse)
        # fmt: on
        by_environment = run(
            *("-o", "json", "stats"),
            WAYMARK_TARGET=target,
            WAYMARK_TLS_CA=str(files.ca),
            WAYMARK_TLS_CERT=str(files.certificate),
            WAYMARK_TLS_KEY=str(files.key),
        ).message(wm.StatsResponse)
        for answer in (by_options, by_environment):
            assert answer.caller.identity == "dns:controller.example.org"
        anonymous = run("--target", target, "--tls-ca", files.ca, "--timeout", "2", "stats")
        assert anonymous.status in (USAGE, UNAVAILABLE)
        plain = run("--target", target, "--insecure", "--timeout", "2", "stats")
        assert plain.status == UNAVAILABLE


# ---- without an agent ----


def rows() -> list[dict]:
    with open(LABELS, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_published_scitag_is_listed_with_its_label():
    listing = json.loads(run("-o", "json", "scitag", "list").out)
    listed = {
        (row["experimentId"], row["experiment"], row["activityId"], row["activity"]): row["flowLabel"]
        for row in listing["scitags"]
    }
    published = {
        (int(row["exp_id"]), row["exp_name"], int(row["act_id"]), row["act_name"]): int(
            row["label_structural_dec"]
        )
        for row in rows()
    }
    assert listed == published and len(listed) == 114


@pytest.mark.parametrize("row", rows()[::16], ids=lambda row: row["label_structural_hex"])
def test_encode_and_decode(row):
    name = f"{row['exp_name']}/{row['act_name']}"
    label = int(row["label_structural_dec"])
    encoded = json.loads(run("-o", "json", "scitag", "encode", name).out)
    assert encoded["flowLabel"] == label == encode_label(int(row["exp_id"]), int(row["act_id"]))
    decoded = json.loads(run("-o", "json", "scitag", "decode", hex(label | 0xC0103)).out)
    assert decoded == encoded


def test_version_and_help():
    assert run("version").status == run("--version").status == run("help").status == OK
    assert "exit" in run("help", "exit-codes").out.lower()
