# SPDX-License-Identifier: Apache-2.0
"""What a policy lets certificates do, as a table; and what happens when it is tightened."""

import contextlib
import hashlib
import os
import re
import signal
import ssl

import grpc
import pytest

from lib import pb
from lib.client import Client, Refused, duration, refusal
from lib.net import Network
from lib.tls import Authority

wm = pb.waymark
TARGET = f"[{Network.agent_address}]:50572"
PATIENCE = 10
RELOADED = re.compile("info: reloaded$")

POLICY = """\
rules:
  - {identity: "unix:uid=0", role: admin}
  - {identity: "cn:viewer", role: viewer}
  - {identity: "dns:*.example.org", role: admin}
  - identity: "spiffe://example.org/*"
    role: writer
    owner: rucio
    experiments: [2, 3]
    destinations: ["fd02::/64"]
    dscp: [46]
    max_ttl: 1h
    quota: 3
  - {identity: "cn:other", role: writer}
"""
DENY = 'deny: ["sha256:{fingerprint}", "dns:stolen.example.org"]\n'

# Names of clients by the file of their certificate.
IDENTITIES = {
    "viewer": "cn:viewer",
    "writer": "spiffe://example.org/rucio",
    "other": "cn:other",
    "nobody": "cn:nobody",
    "admin": "dns:controller.example.org",
    "stolen": "dns:stolen.example.org",
    "revoked": "spiffe://example.org/revoked",
}


@pytest.fixture(scope="module")
def authority(directory):
    return Authority(directory / "pki")


@pytest.fixture(scope="module")
def certificates(authority):
    return {file: authority.client(file, identity) for file, identity in IDENTITIES.items()}


@pytest.fixture(scope="module")
def policy(certificates):
    der = ssl.PEM_cert_to_DER_cert(certificates["revoked"].certificate.read_text())
    return POLICY + DENY.format(fingerprint=hashlib.sha256(der).hexdigest())


@pytest.fixture(scope="module")
def agent(start_agent, authority, policy):
    names = ("node.example.org", Network.agent_address)
    return start_agent("--listen", TARGET, *authority.agent(*names, policy=policy))


@pytest.fixture
def callers(agent, client, certificates):
    """A connection for every certificate. Marks go with the fixture `client`."""
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(Client(TARGET, certificate))
            for name, certificate in certificates.items()
        }


INSIDE, OUTSIDE = "fd02::1:1", "fd03::1"
TAG, OTHER_TAG = {"experiment_id": 2}, {"experiment_id": 4}
TTL = duration(60)

# fmt: off
TABLE = [
    # caller, call, reason of its PERMISSION_DENIED (None: it is allowed), field
    ("nobody", lambda c: c.stats(), "NO_ACCESS", ""),
    ("nobody", lambda c: c.set(INSIDE, flow_label=1), "NO_ACCESS", ""),
    ("stolen", lambda c: c.stats(), "NO_ACCESS", ""),
    ("revoked", lambda c: c.stats(), "NO_ACCESS", ""),
    ("viewer", lambda c: c.marks(), None, ""),
    ("viewer", lambda c: c.set(INSIDE, flow_label=1), "NO_ACCESS", ""),
    ("viewer", lambda c: c.clear(INSIDE), "NO_ACCESS", ""),
    ("viewer", lambda c: c.apply(), "NO_ACCESS", ""),
    ("viewer", lambda c: c.replace([], allow_empty=True), "NO_ACCESS", ""),
    ("viewer", lambda c: c.grant(60), "NO_ACCESS", ""),
    ("writer", lambda c: c.set(INSIDE, scitag=TAG, ttl=TTL), None, ""),
    ("writer", lambda c: c.set(INSIDE, scitag=TAG, dscp=46, ttl=TTL), None, ""),
    ("writer", lambda c: c.set(INSIDE, scitag=OTHER_TAG, ttl=TTL), "POLICY", "mark.scitag"),
    ("writer", lambda c: c.set(INSIDE, flow_label=1, ttl=TTL), "POLICY", "mark.flow_label"),
    ("writer", lambda c: c.set(OUTSIDE, scitag=TAG, ttl=TTL), "POLICY", "mark.match.destination"),
    ("writer", lambda c: c.set(INSIDE, scitag=TAG, dscp=10, ttl=TTL), "POLICY", "mark.dscp"),
    ("writer", lambda c: c.set(INSIDE, scitag=TAG), "POLICY", "mark"),
    ("writer", lambda c: c.set(INSIDE, scitag=TAG, ttl=duration(7200)), "POLICY", "mark.ttl"),
    ("writer", lambda c: c.grant(7200), "POLICY", "ttl"),
    ("writer", lambda c: c.set(INSIDE, owner="cn:other", scitag=TAG, ttl=TTL), "NO_ACCESS",
        "options.owner"),
    ("other", lambda c: c.set(OUTSIDE, flow_label=1), None, ""),
    ("admin", lambda c: c.set(OUTSIDE, owner="cn:other", flow_label=1, dscp=10), None, ""),
]
# fmt: on


@pytest.mark.parametrize(("caller", "call", "reason", "field"), TABLE)
def test_who_may_do_what(callers, caller, call, reason, field):
    if reason is None:
        call(callers[caller])
        return
    with pytest.raises(Refused) as refused:
        call(callers[caller])
    assert (refused.value.code, refused.value.reason) == ("PERMISSION_DENIED", reason)
    assert refused.value.field.startswith(field) and bool(refused.value.field) == bool(field)
    if reason == "POLICY":
        assert re.search("line [0-9]+", refused.value.message)
    else:
        assert IDENTITIES[caller] in refused.value.message


def test_health_answers_whom_nothing_else_does(callers):
    for caller in ("nobody", "stolen", "revoked"):
        assert callers[caller].health() == pb.health.HealthCheckResponse.SERVING


def test_a_quota_is_the_owners(callers):
    writer = callers["writer"]
    for host in range(3):
        writer.set(f"fd02::2:{host}", scitag=TAG, ttl=TTL)
    with pytest.raises(Refused) as refused:
        writer.set("fd02::2:9", scitag=TAG, ttl=TTL)
    assert (refused.value.code, refused.value.reason) == ("RESOURCE_EXHAUSTED", "QUOTA")
    writer.clear("fd02::2:0")
    writer.set("fd02::2:9", scitag=TAG, ttl=TTL)


def test_a_foreign_mark_stays(callers):
    callers["other"].set(INSIDE, flow_label=7)
    for call in (
        lambda c: c.set(INSIDE, scitag=TAG, ttl=TTL),
        lambda c: c.clear(INSIDE),
    ):
        with pytest.raises(Refused) as refused:
            call(callers["writer"])
        assert (refused.value.code, refused.value.reason) == ("PERMISSION_DENIED", "NOT_OWNER")
        assert refused.value.metadata["owner"] == "cn:other"
    assert callers["viewer"].get(INSIDE).flow_label == 7


# ---- a policy that changes ----


@pytest.fixture
def change_policy(agent, authority, policy):
    """Writes another policy and waits until it counts; the first one comes back in the end."""
    path = authority.directory / "policy.yaml"

    def change(text: str) -> None:
        before = agent.lines
        path.write_text(text, encoding="utf-8")
        os.kill(agent.pid, signal.SIGHUP)
        agent.wait_line(RELOADED, PATIENCE, after=before)

    yield change
    change(policy)


def test_tightening_keeps_marks_and_allows_clearing(callers, change_policy, policy):
    writer = callers["writer"]
    mark = writer.set(INSIDE, scitag=TAG, ttl=TTL).mark
    change_policy(policy.replace("experiments: [2, 3]", "experiments: [3]"))
    assert callers["viewer"].get(INSIDE).revision == mark.revision
    with pytest.raises(Refused) as refused:
        writer.set(INSIDE, scitag=TAG, ttl=TTL)
    assert refused.value.reason == "POLICY"
    assert writer.clear(INSIDE).outcome == wm.OUTCOME_REMOVED


def test_a_watch_ends_when_its_identity_loses_access(callers, change_policy, policy):
    watches = {
        name: callers[name].start_stream("WatchMarks", wm.WatchMarksRequest(), timeout=30)
        for name in ("viewer", "other")
    }
    for watch in watches.values():
        next(watch)
    change_policy(policy.replace('  - {identity: "cn:viewer", role: viewer}\n', ""))
    with pytest.raises(grpc.RpcError) as ended:
        for _ in watches["viewer"]:
            pass
    refused = refusal(ended.value)
    assert (refused.code, refused.reason) == ("PERMISSION_DENIED", "NO_ACCESS")
    # Who may still read goes on watching.
    callers["other"].set(OUTSIDE, flow_label=3)
    for message in watches["other"]:
        if any(event.mark.flow_label == 3 for event in message.events.events):
            break
    watches["other"].cancel()


def test_a_certificate_that_is_denied_loses_what_it_has(callers, change_policy, policy):
    admin = callers["admin"]
    watch = admin.start_stream("WatchMarks", wm.WatchMarksRequest(), timeout=30)
    next(watch)
    change_policy(policy.replace("deny: [", 'deny: ["dns:controller.example.org", '))
    with pytest.raises(grpc.RpcError) as ended:
        for _ in watch:
            pass
    assert refusal(ended.value).code == "PERMISSION_DENIED"
    with pytest.raises(Refused) as refused:
        admin.stats()
    assert refused.value.reason == "NO_ACCESS"
