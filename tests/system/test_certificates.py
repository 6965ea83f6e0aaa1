# SPDX-License-Identifier: Apache-2.0
"""TLS with certificates of every kind: who gets in, by which versions, and how they are replaced."""

import os
import re
import shutil
import signal
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest

from lib import pb
from lib.client import Client, Refused, Tls
from lib.net import Network
from lib.tls import OPEN_POLICY, Authority

SERVING = pb.health.HealthCheckResponse.SERVING
HOST, PORT = str(Network.agent_address), 50571
TARGET = f"[{HOST}]:{PORT}"
NAMES = ("node.example.org", HOST)
PATIENCE = 20  # s; files are looked at every 2 s, and count when they stand still
RELOADED = re.compile("info: reloaded$")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "pki")


@pytest.fixture
def start(start_agent, authority):
    """Starts an agent behind TLS; the policy of the others is open."""

    def begin(policy: str = OPEN_POLICY):
        return start_agent("--listen", TARGET, *authority.agent(*NAMES, policy=policy))

    return begin


def check_gets_in(tls: Tls) -> None:
    with Client(TARGET, tls) as client:
        assert client.health() == SERVING
        client.stats()


def check_stays_outside(tls: Tls | None) -> None:
    """Not even health: the handshake fails."""
    with Client(TARGET, tls) as client:
        with pytest.raises(Refused) as refused:
            client.health()
    assert refused.value.code == "UNAVAILABLE"


# ---- clients ----


def test_who_gets_through_the_handshake(start, authority, tmp_path):
    strangers = Authority(tmp_path / "strangers")
    good, expired, early = (authority.client(name, f"cn:{name}") for name in ("a", "b", "c"))
    foreign = strangers.client("foreign", "cn:a")
    authority.redate("b", -2 * DAY, -HOUR)
    authority.redate("c", HOUR, 2 * DAY)
    with start():
        check_gets_in(good)
        for tls in (
            None,  # plaintext
            Tls(authority.ca),  # no certificate
            Tls(authority.ca, foreign.certificate, foreign.key),
            expired,
            early,
        ):
            check_stays_outside(tls)
        # The same file, with a time that has come.
        authority.redate("c", -HOUR, 2 * DAY)
        check_gets_in(early)


def handshake(tls: Tls, version: ssl.TLSVersion) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(tls.ca)
    context.load_cert_chain(tls.certificate, tls.key)
    context.set_alpn_protocols(["h2"])
    # Else this side refuses the old versions before the agent is asked.
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    connection = socket.create_connection((HOST, PORT), timeout=10)
    return context.wrap_socket(connection, server_hostname=HOST)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_versions_of_tls(start, authority):
    with start() as agent:
        mine = authority.client("mine", "cn:mine")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with handshake(mine, version) as connection:
                assert connection.selected_alpn_protocol() == "h2"
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                handshake(mine, version)
        agent.wait_line(re.compile("unsupported protocol"), PATIENCE)


# ---- the agent's own ----


def shown_certificate(tls: Tls) -> bytes:
    with handshake(tls, ssl.TLSVersion.TLSv1_3) as connection:
        return connection.getpeercert(binary_form=True)


def own_certificate(authority: Authority) -> bytes:
    return ssl.PEM_cert_to_DER_cert((authority.directory / "agent.pem").read_text())


@contextmanager
def load(tls: Tls):
    """Two clients that go on calling, one of them with a connection for every call. Answers the
    numbers of their calls; fails if one of those failed."""
    done, counts, failures = threading.Event(), [0, 0], []

    def keep_calling(which: int, new_connections: bool):
        client = Client(TARGET, tls)
        while not done.is_set():
            if new_connections:
                client.__exit__()
                client = Client(TARGET, tls)
            try:
                client.stats()
                counts[which] += 1
            except Refused as error:
                failures.append(error)
        client.__exit__()

    threads = [threading.Thread(target=keep_calling, args=row) for row in ((0, False), (1, True))]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not failures and all(counts), (counts, failures[:3])


def wait_calls(counts: list[int], more: int = 5) -> None:
    wanted = [count + more for count in counts]
    end = time.monotonic() + PATIENCE
    while any(count < want for count, want in zip(counts, wanted)):
        assert time.monotonic() < end, counts
        time.sleep(0.01)


def test_certificates_are_replaced_under_load_and_no_call_fails(start, authority):
    with start() as agent:
        mine = authority.client("mine", "cn:mine")
        with load(mine) as counts:
            for days in (100, 200):
                authority.redate("agent", -HOUR, days * DAY)
                before = agent.lines
                os.kill(agent.pid, signal.SIGHUP)
                agent.wait_line(RELOADED, PATIENCE, after=before)
                assert shown_certificate(mine) == own_certificate(authority)
                wait_calls(counts)
            # Nobody says anything: the file alone.
            authority.redate("agent", -HOUR, 300 * DAY)
            agent.wait_line(re.compile("new connections get what"), PATIENCE)
            assert shown_certificate(mine) == own_certificate(authority)
            wait_calls(counts)
        with Client(TARGET, mine) as client:
            stats = client.stats().certificate
        left = stats.expire_time.ToDatetime(tzinfo=None).timestamp() - time.time()
        assert not stats.outdated and 299 < left / 86400 < 301


def spoil_key(authority, tmp_path):
    other = Authority(tmp_path / "other")
    other.agent(*NAMES)
    shutil.copy(other.directory / "agent.key", authority.directory / "agent.key")
    return "do not work together"


def expire(authority, tmp_path):
    authority.redate("agent", -2 * DAY, -HOUR)
    return "has expired"


def date_ahead(authority, tmp_path):
    authority.redate("agent", HOUR, DAY)
    return "is not valid yet"


def remove(authority, tmp_path):
    (authority.directory / "agent.pem").unlink()
    return "agent.pem: No such file"


def cut(authority, tmp_path):
    path = authority.directory / "agent.pem"
    path.write_bytes(path.read_bytes()[:200])
    return "agent.pem"


@pytest.mark.parametrize("spoil", [spoil_key, expire, date_ahead, remove, cut])
def test_a_bad_pair_is_not_taken_and_stats_say_so(start, authority, tmp_path, spoil):
    with start() as agent:
        mine = authority.client("mine", "cn:mine")
        before = own_certificate(authority)
        copies = tmp_path / "copies"
        shutil.copytree(authority.directory, copies)
        with Client(TARGET, mine) as client:
            assert not client.stats().certificate.outdated
            words = spoil(authority, tmp_path)
            agent.wait_line(re.compile(f"error: .*{words}.*from before"), PATIENCE)
            assert client.stats().certificate.outdated
            assert client.health("waymark.v1.MarkerService") == SERVING
            assert shown_certificate(mine) == before
            check_gets_in(mine)
            for file in ("agent.pem", "agent.key"):
                shutil.copy(copies / file, authority.directory / file)
            agent.wait_line(re.compile("new connections get what"), PATIENCE)
            assert not client.stats().certificate.outdated


@pytest.mark.parametrize(
    ("left", "line"),
    [
        (timedelta(days=29, hours=12), "warning: certificate .*agent.pem expires in 29 days"),
        (timedelta(days=6, hours=12), "error: certificate .*agent.pem expires in 6 days"),
        (-HOUR, "error: certificate .*agent.pem has expired"),
    ],
)
def test_the_end_is_announced(start_agent, authority, left, line):
    options = authority.agent(*NAMES)
    authority.redate("agent", -2 * DAY, left)
    with start_agent("--listen", TARGET, *options) as agent:
        agent.wait_line(re.compile(line), PATIENCE)
        with Client(agent.target) as client:  # the unix socket needs no certificate
            client.stats()


def test_a_far_end_is_not_announced(start_agent, authority):
    options = authority.agent(*NAMES)
    authority.redate("agent", -2 * DAY, 31 * DAY)
    with start_agent("--listen", TARGET, *options) as agent:
        assert "expire" not in agent.log
