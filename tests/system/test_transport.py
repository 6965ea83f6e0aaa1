# SPDX-License-Identifier: Apache-2.0
"""Who gets in, and how: the unix socket, mutual TLS, plaintext on loopback; health; the end."""

import json
import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import grpc
import pytest

from lib import pb
from lib.agent import BINARIES, Agent
from lib.client import Client, Refused, Tls
from lib.net import Network
from lib.tls import Authority

wm = pb.waymark
NOBODY = 65534
SERVING = pb.health.HealthCheckResponse.SERVING
NOT_SERVING = pb.health.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = pb.health.HealthCheckResponse.SERVICE_UNKNOWN
TLS_TARGET = f"[{Network.agent_address}]:50551"


@pytest.fixture(scope="module")
def authority(directory):
    return Authority(directory / "pki")


@pytest.fixture(scope="module")
def strangers(directory):
    """Another CA, made the same way."""
    return Authority(directory / "strangers")


@pytest.fixture(scope="module")
def agent(start_agent, authority):
    names = ("node.example.org", Network.agent_address)
    return start_agent("--listen", TLS_TARGET, *authority.agent(*names))


# ---- mutual TLS ----


@pytest.mark.parametrize(
    ("file", "identity", "line"),
    [
        ("spiffe", "spiffe://example.org/rucio", 4),
        ("dns", "dns:controller.example.org", 5),
        ("cn", "cn:controller", 6),
        ("impostor", "cn:unix:uid=0", 6),
    ],
)
def test_a_certificate_of_the_ca_is_an_admin_by_its_name(client, authority, file, identity, line):
    with Client(TLS_TARGET, authority.client(file, identity)) as controller:
        caller = controller.stats().caller
    assert caller == wm.Caller(
        identity=identity, owner=identity, role=wm.ROLE_ADMIN, policy_line=line
    )


def test_marks_belong_to_the_certificate_that_made_them(client, authority, destination):
    mine = authority.client("mine", "dns:mine.example.org")
    yours = authority.client("yours", "dns:yours.example.org")
    with Client(TLS_TARGET, mine) as one, Client(TLS_TARGET, yours) as two:
        assert one.set(destination, flow_label=1).mark.owner == "dns:mine.example.org"
        with pytest.raises(Refused) as refused:
            two.set(destination, flow_label=2)
        assert refused.value.reason == "NOT_OWNER"
        assert refused.value.metadata["owner"] == "dns:mine.example.org"
        answer = two.set(destination, flow_label=2, owner="dns:mine.example.org")
        assert answer.outcome == wm.OUTCOME_UPDATED
        assert one.stats().caller.mark_count == 1
        assert two.stats().caller.mark_count == 0


def check_unreachable(tls: Tls | None) -> None:
    with Client(TLS_TARGET, tls) as controller:
        for call in (controller.stats, controller.health):
            with pytest.raises(Refused) as refused:
                call()
            assert refused.value.code == "UNAVAILABLE"


def test_no_certificate_is_refused(client, authority):
    check_unreachable(Tls(authority.ca))


def test_a_certificate_of_another_ca_is_refused(client, authority, strangers):
    stranger = strangers.client("stranger", "spiffe://example.org/rucio")
    check_unreachable(Tls(authority.ca, stranger.certificate, stranger.key))


def test_an_agents_certificate_does_not_make_a_client(client, authority):
    """Its key usage says server only; a stolen one must not command other agents."""
    check_unreachable(
        Tls(authority.ca, authority.directory / "agent.pem", authority.directory / "agent.key")
    )


def test_an_agent_of_another_ca_is_not_believed(client, authority, strangers):
    good = authority.client("good", "cn:good")
    strangers.client("any", "cn:any")
    check_unreachable(Tls(strangers.ca, good.certificate, good.key))


def test_plaintext_is_refused_on_the_tls_port(client):
    check_unreachable(None)


# ---- listeners that must not come to be ----


def check_does_not_start(space, directory, *options: str) -> str:
    always = ("--interface", "lo", "--listen", f"unix:{directory}/refused.sock")
    with Agent(space, *always, *options) as agent:
        status = agent.wait_end()
    assert status != 0, agent.log
    assert "serving" not in agent.log
    return agent.log


@pytest.mark.parametrize("extra", [(), ("--insecure-loopback",)])
@pytest.mark.parametrize(
    "address", [TLS_TARGET.replace("50551", "50552"), "[::]:50552", "0.0.0.0:50552"]
)
def test_plaintext_is_for_loopback_only(elsewhere, directory, address, extra):
    assert address in check_does_not_start(elsewhere, directory, "--listen", address, *extra)


@pytest.mark.parametrize("address", ["[::1]:50552", "127.0.0.1:50552", "localhost:50552"])
def test_plaintext_on_loopback_must_be_asked_for(elsewhere, directory, address):
    assert address in check_does_not_start(elsewhere, directory, "--listen", address)


@pytest.mark.parametrize("address", ["", "nonsense", "[::1]", "[::1]:65536", "[::1]:x", "unix:"])
def test_an_address_must_make_sense(elsewhere, directory, address):
    options = ("--insecure-loopback", "--listen", address)
    log = check_does_not_start(elsewhere, directory, *options)
    assert f'"{address}"' in log or (address and address in log)


def test_a_socket_in_use_is_left_alone(agent, client, elsewhere, directory):
    log = check_does_not_start(elsewhere, directory, "--listen", agent.target)
    assert agent.target in log or agent.target.removeprefix("unix:") in log
    assert client.health() == SERVING
    with Client(agent.target) as another:
        assert another.health() == SERVING


def test_a_port_in_use_is_refused(elsewhere, directory, authority):
    options = authority.agent("node.example.org", Network.agent_address)
    with elsewhere.socket(socket.AF_INET6, socket.SOCK_STREAM) as user:
        user.bind(("::1", 50552))
        user.listen()
        log = check_does_not_start(elsewhere, directory, "--listen", "[::1]:50552", *options)
    assert "[::1]:50552" in log and "attached" not in log


@pytest.mark.parametrize("option", ["--tls-certificate", "--tls-key", "--tls-client-ca"])
def test_tls_files_must_be_there(elsewhere, directory, authority, option):
    options = list(authority.agent("node.example.org"))
    missing = f"{directory}/no-such-file"
    options[options.index(option) + 1] = missing
    address = TLS_TARGET.replace("50551", "50552")
    assert missing in check_does_not_start(elsewhere, directory, "--listen", address, *options)


# ---- the unix socket ----

# Runs as nobody, who may not read this repository: bytes in, JSON out.
_AS_NOBODY = """
import base64, grpc, json, sys
channel = grpc.insecure_channel(sys.argv[1])
result = {}
for path in sys.argv[2:]:
    try:
        result[path] = ["OK", channel.unary_unary(path)(b"", timeout=10).hex()]
    except grpc.RpcError as error:
        trailers = dict(error.trailing_metadata())
        details = trailers.get("grpc-status-details-bin", b"")
        result[path] = [error.code().name, details.hex()]
print(json.dumps(result))
"""


def test_others_than_root_get_health_only(agent, client):
    methods = [f"/waymark.v1.MarkerService/{m}" for m in ("Stats", "ListMarks", "SetMark")]
    health = "/grpc.health.v1.Health/Check"
    path = agent.target.removeprefix("unix:")
    os.chmod(path, 0o666)  # as if nobody were in the socket's group
    try:
        done = subprocess.run(
            [sys.executable, "-c", _AS_NOBODY, agent.target, health, *methods],
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            cwd="/",
            check=True,
            capture_output=True,
            text=True,
        )
    finally:
        os.chmod(path, 0o660)
    result = json.loads(done.stdout)
    assert result[health] == [
        "OK",
        pb.health.HealthCheckResponse(status="SERVING").SerializeToString().hex(),
    ]
    for method in methods:
        code, details = result[method]
        status = pb.rpc.Status.FromString(bytes.fromhex(details))
        info = pb.rpc.ErrorInfo.FromString(status.details[0].value)
        assert (code, info.reason) == ("PERMISSION_DENIED", "NO_ACCESS")
        assert info.metadata["identity"] == f"unix:uid={NOBODY}"


def test_socket_is_for_its_group_only(agent):
    mode = os.stat(agent.target.removeprefix("unix:")).st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o660


def test_socket_goes_with_the_agent_and_a_stale_one_is_no_obstacle(start_agent, elsewhere):
    alone = {"interface": "lo", "space": elsewhere}
    with start_agent(**alone) as agent:
        path = Path(agent.target.removeprefix("unix:"))
        assert path.exists()
    assert not path.exists()
    with start_agent(**alone) as agent:
        agent.kill()
    stale = agent.target
    assert Path(stale.removeprefix("unix:")).exists()
    with start_agent("--listen", stale, **alone), Client(stale) as client:
        assert client.wait_serving().health() == SERVING


# ---- plaintext on loopback ----


@pytest.mark.parametrize("address", ["[::1]:50553", "127.0.0.1:50553"])
def test_plaintext_on_loopback(start_agent, elsewhere, address):
    options = ("--listen", address, "--insecure-loopback")
    with start_agent(*options, interface="lo", space=elsewhere):
        printed = elsewhere.run(
            str(BINARIES / "waymark"), "--insecure", "--target", address, "-o", "json", "stats"
        )
    assert json.loads(printed)["caller"]["identity"] == "insecure:loopback"


# ---- health and the end ----


@pytest.mark.parametrize("service", ["", "waymark.v1.MarkerService"])
def test_health(client, service):
    assert client.health(service) == SERVING


def test_health_of_an_unknown_service(client):
    with pytest.raises(Refused) as refused:
        client.health("no.such.Service")
    assert refused.value.code == "NOT_FOUND"


def test_watchers_of_health_hear_of_the_end(start_agent, elsewhere):
    agent = start_agent(interface="lo", space=elsewhere)
    heard, first = [], threading.Event()

    def watch():
        with grpc.insecure_channel(agent.target) as channel:
            stream = channel.unary_stream(
                "/grpc.health.v1.Health/Watch",
                pb.health.HealthCheckRequest.SerializeToString,
                pb.health.HealthCheckResponse.FromString,
            )(pb.health.HealthCheckRequest(), timeout=20)
            try:
                for answer in stream:
                    heard.append(answer.status)
                    first.set()
            except grpc.RpcError as error:
                heard.append(error.code().name)

    watcher = threading.Thread(target=watch)
    watcher.start()
    assert first.wait(10)
    agent.stop()
    watcher.join()
    assert heard == [SERVING, NOT_SERVING, "UNAVAILABLE"]
