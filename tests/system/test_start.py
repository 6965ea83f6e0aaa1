# SPDX-License-Identifier: Apache-2.0
"""How the agent starts: options, the configuration file, and what it says of them."""

import json
import subprocess
import textwrap

import pytest

from lib import pb
from lib.agent import BINARIES
from lib.client import Client, Refused

USAGE = 2


def waymarkd(*arguments: str) -> subprocess.CompletedProcess:
    command = [BINARIES / "waymarkd", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


@pytest.fixture
def config(directory):
    """Writes a configuration file."""

    def write(text: str) -> str:
        path = directory / "waymark.yaml"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return str(path)

    return write


def test_help_and_version():
    for option in ("--help", "--version"):
        done = waymarkd(option)
        assert (done.returncode, done.stderr) == (0, "") and done.stdout


def test_check_says_nothing_of_a_good_configuration(config):
    done = waymarkd("--check", "--config", config("interfaces: [eth0]\nlisten: ['unix:/run/x']\n"))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("interfaces: [eth0]\nnonsense: 1\n", 2, ["nonsense"]),
        ("interfaces: [eth0]\n\nattach: sideways\n", 3, ["attach", "sideways", "tcx"]),
        ("insecure_loopback: perhaps\n", 1, ["insecure_loopback", "perhaps"]),
        ("capacity:\n  marks: 0\n", 2, ["marks", "0"]),
        ("capacity:\n  networks: 100000\n", 2, ["networks", "100000", "16384"]),
        ("log: {level: loud}\n", 1, ["level", "loud"]),
        ("interfaces: [eth0\n", None, []),
    ],
)
def test_a_bad_configuration_is_refused_by_file_line_and_value(config, text, line, words):
    path = config(text)
    for check in ((), ("--check",)):
        done = waymarkd("--config", path, *check)
        assert done.returncode == USAGE
        assert f"{path}:{line}" in done.stderr if line else path in done.stderr
        assert all(word in done.stderr for word in words)
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--nonsense"], "--nonsense"),
        (["surplus"], "surplus"),
        (["--attach", "sideways"], "sideways"),
        (["--interface"], "--interface"),
        (["--config", "/no/such/file"], "/no/such/file"),
        (["--tls-key", "/no/such/file"], "tls"),
        (["--listen", "nonsense"], "nonsense"),
    ],
)
def test_a_bad_option_is_refused(arguments, word):
    done = waymarkd("--check", *arguments)
    assert done.returncode == USAGE
    assert word in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_registry_that_cannot_be_read_stops_the_start(directory):
    registry = directory / "registry.json"
    registry.write_text("{", encoding="utf-8")
    for path in (str(registry), "/no/such/file"):
        done = waymarkd("--registry", path, "--listen", f"unix:{directory}/unused.sock")
        assert done.returncode == 1 and path in done.stderr


def test_missing_privileges_are_named(elsewhere, directory):
    # fmt: off
    command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", str(BINARIES / "waymarkd"),
               "--pin-dir=", "--state-dir", f"{directory}/state",
               "--listen", f"unix:{directory}/unused.sock"]
    # fmt: on
    with elsewhere:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert "CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON" in lines[-1]
    assert all(" error: " in line for line in lines)


def test_file_and_options_add_up(start_agent, directory, config):
    registry = directory / "registry.json"
    registry.write_text(
        json.dumps(
            {
                "experiments": [
                    {
                        "expName": "lab",
                        "expId": 9,
                        "activities": [{"activityName": "run", "activityId": 7}],
                    }
                ],
                "modified": "2001-02-03T04:05:06+00:00",
            }
        ),
        encoding="utf-8",
    )
    other = f"unix:{directory}/other.sock"
    path = config(
        f"""
        interfaces: [ctl0]
        listen: ["{other}"]
        registry: registry.json
        capacity: {{marks: 100, networks: 10}}
        log: {{format: json}}
        """
    )
    with start_agent("--config", path) as agent:
        for target in (agent.target, other):
            with Client(target) as client:
                stats = client.stats()
                assert {row.name for row in stats.interfaces} == {"data0", "ctl0"}
                assert [table.capacity for table in stats.tables] == [100, 10]
                assert stats.node.registry_modified == "2001-02-03T04:05:06+00:00"
                named = {"experiment": "lab", "activity": "run"}
                scitag = client.set("::1", scitag=named).mark.scitag
                assert (scitag.experiment_id, scitag.activity_id) == (9, 7)
    assert all(json.loads(line) for line in agent.log.splitlines())


def test_a_full_table_is_refused_and_costs_no_other_mark(start_agent, network, config):
    path = config("capacity: {marks: 3, networks: 1}\n")
    with start_agent("--config", path, interface="lo") as agent, Client(agent.target) as client:
        capacity = client.stats().tables[0].capacity
        marks = [client.set(network.new_destination(), flow_label=1).mark for _ in range(capacity)]
        with pytest.raises(Refused) as refused:
            client.set(network.new_destination(), flow_label=1)
        assert (refused.value.code, refused.value.reason) == ("RESOURCE_EXHAUSTED", "TABLE_FULL")
        assert f"{capacity} of {capacity}" in refused.value.message
        assert client.marks(with_counters=True) == marks
        updated = client.set(marks[0].match, flow_label=2)
        assert updated.outcome == pb.waymark.OUTCOME_UPDATED


def test_an_interface_that_is_not_there_is_said_and_the_rest_works(start_agent, destination):
    with start_agent("--interface", "nosuch0") as agent, Client(agent.target) as client:
        rows = {row.name: row for row in client.stats().interfaces}
        assert rows["data0"].error == ""
        missing = rows["nosuch0"]
        assert missing.error and missing.ifindex == 0 and missing.attach_mode == 0
        assert list(client.set(destination, flow_label=1).warnings) == []
    with start_agent(interface="nosuch0") as agent, Client(agent.target) as client:
        assert list(client.set(destination, flow_label=1).warnings) == ["no interface attached"]
