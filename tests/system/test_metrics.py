# SPDX-License-Identifier: Apache-2.0
"""The page of metrics: what it says, who gets it, and that nobody holds the agent up with it."""

import contextlib
import http.client
import os
import re
import resource
import signal
import socket
import time
from pathlib import Path

import pytest

from lib import REPOSITORY, pb
from lib.agent import Agent, waymarkd
from lib.client import Client, Refused
from lib.neighbours import has_tcx
from lib.send import UdpSender
from lib.tls import OPEN_POLICY, Authority

wm = pb.waymark
PORT = 9551
PATIENCE = 20
GET = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
SAMPLE = re.compile(r"([a-z_]+)(?:\{(.*)\})? ([0-9]+)")
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"(?:,|$)')

Samples = dict[tuple[str, frozenset], int]


def parse(page: str) -> Samples:
    """Every sample, and nothing that the format does not know."""
    samples, family = {}, None
    helped = set()
    for line in page.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ")[2]
            assert name not in helped and line.split(" ", 3)[3]
            helped.add(name)
        elif line.startswith("# TYPE "):
            _, _, family, kind = line.split(" ")
            assert family in helped
            assert kind == ("counter" if family.endswith("_total") else "gauge")
        else:
            name, labels, value = SAMPLE.fullmatch(line).groups()
            found = LABEL.findall(labels or "")
            assert name == family
            assert "".join(f'{key}="{text}",' for key, text in found).rstrip(",") == (labels or "")
            assert (name, frozenset(found)) not in samples
            samples[name, frozenset(found)] = int(value)
    return samples


def key(name: str, **labels: str) -> tuple[str, frozenset]:
    return f"waymark_{name}", frozenset(labels.items())


def connect(network) -> socket.socket:
    connection = network.node.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.settimeout(PATIENCE)
    connection.connect(("127.0.0.1", PORT))
    return connection


def check_ended(connection: socket.socket) -> None:
    with contextlib.suppress(ConnectionResetError):
        assert connection.recv(1) == b""


def ask(network, path: str = "/metrics", method: str = "GET", **headers: str):
    """The answer, and its body."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", PORT)) as connection:
        connection.sock = connect(network)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer, answer.read().decode()


def scrape(network) -> Samples:
    answer, page = ask(network)
    assert answer.status == 200
    assert answer.getheader("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    return parse(page)


@pytest.fixture
def metrics(tmp_path):
    """Options of an agent that has them."""
    file = tmp_path / "waymark.yaml"
    file.write_text(f'metrics: {{listen: "127.0.0.1:{PORT}"}}\n', encoding="utf-8")
    return "--config", str(file)


@pytest.fixture
def agent(start_agent, metrics):
    with start_agent(*metrics) as agent:
        yield agent


def test_they_say_what_stats_say(agent, client, network, destination):
    client.set(destination, scitag={"experiment_id": 3, "activity_id": 14})
    with UdpSender(network.node, destination) as sender:
        for _ in range(7):
            sender.send(b"x")
    samples, stats = scrape(network), client.stats()
    tag = {
        "experiment_id": "3",
        "experiment": "cms",
        "activity_id": "14",
        "activity": "Analysis Input",
    }
    row = stats.interfaces[0]
    assert samples[key("revision")] == stats.header.revision == 1
    assert samples[key("table_entries", kind="host")] == 1
    assert samples[key("table_capacity", kind="host")] == stats.tables[0].capacity
    assert samples[key("marked_packets_total")] == stats.marked.packets == 7
    assert samples[key("marked_bytes_total")] == stats.marked.bytes
    assert samples[key("interface_attached", interface=row.name)] == 1
    assert samples[key("interface_marked_packets_total", interface=row.name)] == 7
    assert samples[key("scitag_sent_packets_total", **tag)] == 7
    assert samples[key("scitag_sent_bytes_total", **tag)] == stats.marked.bytes
    assert samples[key("start_time_seconds")] == stats.node.start_time.seconds
    assert samples[key("store_failed")] == 0 and samples[key("serving")] == 1
    assert not any(name == "waymark_certificate_outdated" for name, _ in samples)


def test_they_move(agent, client, network, destination):
    """Also the watches, which Stats do not tell."""
    before = scrape(network)
    client.set(destination, flow_label=5)
    call = client.start_stream("WatchMarks", wm.WatchMarksRequest())
    next(call)
    after = scrape(network)
    call.cancel()
    with pytest.raises(Refused):
        client.set("192.0.2.1", flow_label=1)
    client.grant(60)
    later = scrape(network)
    assert later[key("leases")] == before[key("leases")] + 1 == 1
    failed = key("calls_failed_total", code="3")
    assert later[failed] == after[failed] + 1
    assert after[key("revision")] == before[key("revision")] + 1
    assert (before[key("watches")], after[key("watches")]) == (0, 1)


def test_every_metric_is_documented(start_agent, metrics, network, destination, tmp_path):
    """All of them, with what it takes to see all: TLS, traffic, and an observer."""
    authority = Authority(tmp_path / "pki")
    options = authority.agent("node.example.org", policy=OPEN_POLICY)
    with start_agent(*metrics, *options, "--listen", "[::1]:50581", "--observe-ingress") as agent:
        with Client(agent.target) as client:
            client.set(destination, flow_label=5)
        with UdpSender(network.node, destination) as sender:
            sender.send(b"x")
        _, page = ask(network)
    shown = set(re.findall(r"^# TYPE (\S+)", page, re.MULTILINE))
    text = (REPOSITORY / "docs/operations.md").read_text(encoding="utf-8")
    assert shown == set(re.findall(r"^\| `(waymark_\w+)", text, re.MULTILINE))


def test_a_bad_certificate_shows(start_agent, metrics, network, tmp_path):
    authority = Authority(tmp_path / "pki")
    options = authority.agent("node.example.org", policy=OPEN_POLICY)
    with start_agent(*metrics, *options, "--listen", "[::1]:50581") as agent:
        before = scrape(network)
        (tmp_path / "pki/agent.pem").write_text("no certificate", encoding="utf-8")
        agent.wait_line(re.compile("error: .*from before"), PATIENCE)
        after = scrape(network)
        with Client(agent.target) as client:
            end = client.stats().certificate.expire_time.seconds
    assert before[key("certificate_outdated")] == 0
    assert after[key("certificate_outdated")] == 1
    assert before[key("certificate_expiry_seconds")] == end
    assert after[key("certificate_expiry_seconds")] == end


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_they_can_be_read_only(agent, network, method):
    answer, _ = ask(network, method=method)
    assert (answer.status, answer.getheader("Allow")) == (405, "GET, HEAD")


def test_head_has_no_body(agent, network):
    answer, body = ask(network, method="HEAD")
    assert (answer.status, body) == (200, "")


@pytest.mark.parametrize("path", ["/", "/metrics/", "/etc/passwd", "/metrics/../metrics"])
def test_there_is_nothing_else(agent, network, path):
    assert ask(network, path)[0].status == 404


def test_long_headers_are_refused(agent, network):
    assert ask(network, Cookie="x" * 100_000)[0].status == 431
    assert ask(network)[0].status == 200


def descriptors(agent) -> int:
    return len(os.listdir(f"/proc/{agent.pid}/fd"))


def wait_descriptors(agent, most: int) -> None:
    end = time.monotonic() + PATIENCE
    while descriptors(agent) > most:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_silent_connections_hold_nobody_up(start_agent, metrics, network, capture, destination):
    """Neither the agent, nor who asks for the page, nor gRPC from the same address."""
    tcp = ("--listen", "127.0.0.1:50572", "--insecure-loopback")
    with start_agent(*metrics, *tcp) as agent, Client(agent.target) as client:
        client.set(destination, flow_label=5)
        before = descriptors(agent)
        with contextlib.ExitStack() as stack, UdpSender(network.node, destination) as sender:
            for number in range(1000):
                connection = stack.enter_context(connect(network))
                if number % 2:
                    connection.sendall(GET[:20])
            samples = scrape(network)
            assert samples[key("connections")] == 0
            assert samples[key("connections_refused_total", reason="peer")] == 0
            assert descriptors(agent) <= before + 16
            client.set(destination, flow_label=6)
            for _ in range(10):
                sender.send(b"x")
            packets = capture.wait(10, lambda packet: packet.destination == destination)
            assert {packet.flow_label for packet in packets} == {6}
        scrape(network)
        wait_descriptors(agent, before)


def test_who_does_not_read_holds_nobody_up(agent, client, network, destination):
    client.set(destination, flow_label=5)
    before = descriptors(agent)
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            connection = network.node.socket(socket.AF_INET, socket.SOCK_STREAM)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            stack.enter_context(connection).connect(("127.0.0.1", PORT))
            connection.sendall(GET)
        assert client.set(destination, flow_label=6).mark.flow_label == 6
        scrape(network)
        # They end although their clients never do.
        wait_descriptors(agent, before)


def test_octets_that_keep_coming_give_no_more_time(agent, network):
    with connect(network) as connection:
        begin = time.monotonic()
        connection.settimeout(0.1)
        while True:
            assert time.monotonic() < begin + PATIENCE
            try:
                connection.sendall(b"x")
                assert connection.recv(1) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                pass
            break
        assert time.monotonic() > begin + 9


def test_no_series_of_what_the_registry_does_not_know(agent, client, network):
    """Else whoever may write could make as many as there are labels."""
    for number in range(3):
        destination = network.new_destination()
        client.set(destination, scitag={"experiment_id": 400 + number, "activity_id": 1})
        with UdpSender(network.node, destination) as sender:
            sender.send(b"x")
    tags = {
        labels: value
        for (name, labels), value in scrape(network).items()
        if name == "waymark_scitag_sent_packets_total"
    }
    ((labels, value),) = tags.items()
    assert value == 3 and dict(labels)["experiment_id"] == "0"


def test_a_store_that_fails_shows(agent, client, network, destination):
    before = resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        with pytest.raises(Refused, match="STORE"):
            for label in range(5000):
                client.set(destination, flow_label=label)
        assert scrape(network)[key("store_failed")] == 1
    finally:
        resource.prlimit(agent.pid, resource.RLIMIT_FSIZE, before)
    agent.wait_line(re.compile("can be written again"), PATIENCE)
    assert scrape(network)[key("store_failed")] == 0


@pytest.mark.skipif(not has_tcx(), reason="before Linux 6.6 clsact keeps CAP_NET_ADMIN")
def test_they_need_no_privileges(agent, network):
    status = Path(f"/proc/{agent.pid}/status").read_text(encoding="utf-8")
    assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
    assert re.search(r"^Seccomp:\t2$", status, re.MULTILINE)
    scrape(network)


def test_a_unix_socket(start_agent, directory, tmp_path):
    file, path = tmp_path / "waymark.yaml", directory / "metrics.sock"
    file.write_text(f'metrics: {{listen: "unix:{path}"}}\n', encoding="utf-8")
    with start_agent("--config", str(file)), socket.socket(socket.AF_UNIX) as connection:
        assert path.stat().st_mode & 0o777 == 0o660
        connection.settimeout(PATIENCE)
        connection.connect(str(path))
        connection.sendall(GET)
        with connection.makefile(encoding="utf-8", newline="") as answer:
            head, _, page = answer.read().partition("\r\n\r\n")
        assert head.startswith("HTTP/1.1 200 ") and parse(page)[key("serving")] == 1
    assert not path.exists()


def test_whoever_comes_early_is_answered(metrics, network, tmp_path):
    """While the agent starts: with the page, or with when to come again."""
    early = []

    def come(line: str) -> None:
        if "metrics at" in line:
            early.append(ask(network)[0])

    with Agent(network.node, *metrics, "--listen", f"unix:{tmp_path}/s", echo=come) as agent:
        agent.wait_ready()
    (answer,) = early
    assert answer.status == 200 or answer.getheader("Retry-After") == "1"


def test_a_reload_does_not_move_them(agent, network, tmp_path):
    file = tmp_path / "waymark.yaml"
    file.write_text('metrics: {listen: "127.0.0.1:9552"}\n', encoding="utf-8")
    os.kill(agent.pid, signal.SIGHUP)
    agent.wait_line(re.compile("metrics.listen: has changed, which counts from the next"), PATIENCE)
    agent.wait_line(re.compile("info: reloaded"), PATIENCE)
    scrape(network)


def test_they_end_with_the_agent(start_agent, metrics, network):
    with start_agent(*metrics) as agent, connect(network) as connection:
        os.kill(agent.pid, signal.SIGTERM)
        assert agent.wait_end() == 0
        check_ended(connection)
        with pytest.raises(ConnectionRefusedError):
            connect(network)


def test_who_may_not_listen_there_is_told(network, metrics, tmp_path):
    """Another program has the port."""
    with network.node.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", PORT))
        other.listen()
        run = waymarkd(network.node, *metrics, "--listen", f"unix:{tmp_path}/s", "--pin-dir", "",
                       "--state-dir", f"{tmp_path}/state")  # fmt: skip
    assert run.returncode == 1
    assert f"metrics.listen 127.0.0.1:{PORT}: Address already in use" in run.stderr


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0:9551", "[::]:9551", "192.0.2.1:9551", "[2001:db8::1]:9551", "localhost:9551",
     "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1.example.org:80", "[::1]", "[::1]:", "::1:9551"],
)  # fmt: skip
def test_loopback_only(network, tmp_path, address):
    file = tmp_path / "waymark.yaml"
    file.write_text(f'metrics:\n  listen: "{address}"\n', encoding="utf-8")
    run = waymarkd(network.node, "--check", "--config", str(file))
    assert run.returncode == 2
    assert f'{file}:2: metrics.listen "{address}": must be a port of loopback' in run.stderr
