# SPDX-License-Identifier: Apache-2.0
"""Leases: shared, renewed, revoked, expired, and never somebody else's (decisions 22-26)."""

import time
from ipaddress import IPv6Network

import pytest

from lib import pb
from lib.client import Client
from lib.refused import refused
from lib.send import UdpSender
from lib.watch import Watch

wm = pb.waymark
SECOND = 1_000_000_000
UNKNOWN = 1 << 60


def wait_gone(admin, prefix, count: int, start) -> list:
    """Calls start(), and answers the removals that it leads to."""
    with Watch(admin, filter={"destination_prefix": str(prefix)}) as watch:
        watch.wait_synced()
        before = len(watch.events)
        start()

        def removals():
            return [event for event in watch.events[before:] if event.removed]

        watch.wait(lambda: len(removals()) >= count, f"{count} removals")
        return removals()


# ---- life of a lease ----


def test_a_lease_is_granted_with_its_deadline(client):
    before = time.time_ns()
    lease = client.grant(90.5)
    assert lease.lease_id > 0 and lease.mark_count == 0
    assert (lease.owner, lease.ttl.ToNanoseconds()) == (client.owner, 90_500_000_000)
    assert 0 <= lease.expire_time.ToNanoseconds() - before - 90_500_000_000 < SECOND
    (same,) = client.leases(owner=client.owner)
    assert same.lease_id == lease.lease_id


def test_renewing_moves_the_deadline_by_its_ttl(client):
    lease = client.grant(600)
    renewed = client.renew(lease.lease_id)
    assert renewed.lease_id == lease.lease_id and renewed.ttl == lease.ttl
    moved = renewed.expire_time.ToNanoseconds() - lease.expire_time.ToNanoseconds()
    assert 0 < moved < 10 * SECOND


def test_leases_take_no_revision(client, admin):
    revision = admin.stats().header.revision
    lease = client.grant(600).lease_id
    client.renew(lease)
    client.revoke(lease)
    assert admin.stats().header.revision == revision


def test_marks_share_a_lease(client, hosts, listed):
    lease = client.grant(600).lease_id
    marks = [client.set(host, flow_label=1, lease_id=lease).mark for host in hosts(3)]
    assert {mark.lease_id for mark in marks} == {lease}
    assert all(mark.HasField("expire_time") and not mark.HasField("ttl") for mark in marks)
    (found,) = client.leases(owner=client.owner)
    assert found.mark_count == 3
    assert len(listed(lease_id=lease)) == 3
    client.clear(marks[0].match)
    assert client.leases(owner=client.owner)[0].mark_count == 2


def test_renewing_the_lease_renews_its_marks(client, host):
    lease = client.grant(600).lease_id
    first = client.set(host, flow_label=1, lease_id=lease).mark
    client.renew(lease)
    second = client.get(host)
    assert second.revision == first.revision
    assert second.expire_time.ToNanoseconds() > first.expire_time.ToNanoseconds()


def test_another_lifetime_is_an_update(client, host):
    one, two = client.grant(600).lease_id, client.grant(600).lease_id
    lifetimes = [{"lease_id": one}, {"lease_id": two}, {"ttl": {"seconds": 60}}, {}]
    lifetimes.append({"lease_id": one})
    outcomes = [client.set(host, flow_label=1, **lifetime).outcome for lifetime in lifetimes]
    assert outcomes == [wm.OUTCOME_CREATED] + [wm.OUTCOME_UPDATED] * 4
    assert client.set(host, flow_label=1, lease_id=one).outcome == wm.OUTCOME_UNCHANGED
    counts = {lease.lease_id: lease.mark_count for lease in client.leases(owner=client.owner)}
    assert counts == {one: 1, two: 0}


# ---- its end ----


def test_revoking_removes_all_its_marks_at_once(client, admin, prefix, hosts, listed):
    lease = client.grant(600).lease_id
    for host in hosts(3):
        client.set(host, flow_label=1, lease_id=lease)
    (kept,) = hosts(1)
    client.set(kept, flow_label=1)
    answers = []
    removals = wait_gone(admin, prefix, 3, lambda: answers.append(client.revoke(lease)))
    (answer,) = answers
    assert (answer.outcome, answer.removed) == (wm.OUTCOME_REMOVED, 3)
    assert {event.reason for event in removals} == {wm.REMOVAL_REASON_REVOKED}
    assert {event.mark.owner for event in removals} == {client.owner}
    last = answer.header.revision
    assert [event.revision for event in removals] == [last - 2, last - 1, last]
    assert [mark.match.destination for mark in listed()] == [kept]
    assert client.leases(owner=client.owner) == []
    assert client.revoke(lease).outcome == wm.OUTCOME_ABSENT


def test_revoking_an_unknown_lease_is_a_success(client):
    answer = client.revoke(UNKNOWN)
    assert (answer.outcome, answer.removed) == (wm.OUTCOME_ABSENT, 0)


def test_an_expired_lease_takes_its_marks_and_tells_what_they_counted(
    client, admin, network, capture, destination
):
    """The counters arrive with the removal: nobody has to ask in time."""
    lease = client.grant(2).lease_id
    client.set(destination, flow_label=7, lease_id=lease)
    with UdpSender(network.node, destination, auto_label=False) as sender:
        sender.send(b"counted")
        capture.wait(1, lambda packet: packet.destination == destination)
    only = IPv6Network((destination, 128))
    (event,) = wait_gone(admin, only, 1, lambda: None)
    assert event.reason == wm.REMOVAL_REASON_EXPIRED
    assert (event.mark.counters.packets, event.mark.counters.bytes) == (1, 40 + 8 + 7)
    assert client.leases(owner=client.owner) == []


@pytest.mark.parametrize("how", ["revoked", "cleared", "replaced", "ttl"])
def test_every_removal_tells_its_reason_and_counts(
    client, admin, network, capture, destination, how
):
    lease = client.grant(600).lease_id
    lifetime = {"revoked": {"lease_id": lease}, "ttl": {"ttl": {"seconds": 1}}}.get(how, {})
    client.set(destination, flow_label=7, **lifetime)
    with UdpSender(network.node, destination, auto_label=False) as sender:
        sender.send(b"counted")
        capture.wait(1, lambda packet: packet.destination == destination)
    end = {
        "revoked": lambda: client.revoke(lease),
        "cleared": lambda: client.clear(destination),
        "replaced": lambda: client.replace([], allow_empty=True),
        "ttl": lambda: None,
    }[how]
    (event,) = wait_gone(admin, IPv6Network((destination, 128)), 1, end)
    reasons = {"ttl": "EXPIRED"}
    assert event.reason == getattr(wm, f"REMOVAL_REASON_{reasons.get(how, how.upper())}")
    assert (event.mark.counters.packets, event.mark.counters.bytes) == (1, 55)
    assert event.mark.match.destination == str(destination)
    assert (event.mark.owner, event.mark.kind) == (client.owner, wm.KIND_HOST)


def test_a_big_lease_expires_while_others_work(client, admin, prefix, hosts):
    """In chunks, and every removal comes."""
    count = 5_000
    lease = client.grant(3).lease_id
    updates = [
        {"set": {"match": {"destination": host}, "flow_label": 1, "lease_id": lease}}
        for host in hosts(count)
    ]
    assert client.apply(*updates, only_failures=True).failed == 0
    removals = wait_gone(admin, prefix, count, lambda: None)
    assert {event.reason for event in removals} == {wm.REMOVAL_REASON_EXPIRED}
    assert len({event.mark.match.destination for event in removals}) == count
    assert client.leases(owner=client.owner) == []


def wait_expired(client, lease: int) -> None:
    end = time.monotonic() + 10
    while any(found.lease_id == lease for found in client.leases(owner=client.owner)):
        assert time.monotonic() < end, "the lease is still there"


def test_a_dead_lease_does_not_revive(client, host, listed):
    lease = client.grant(1).lease_id
    wait_expired(client, lease)
    with refused("NOT_FOUND", "LEASE", "lease_id"):
        client.renew(lease)
    with refused("NOT_FOUND", "LEASE", "mark.lease_id"):
        client.set(host, flow_label=1, lease_id=lease)
    assert client.revoke(lease).outcome == wm.OUTCOME_ABSENT
    assert listed() == []


# ---- whose ----


def test_marks_attach_only_to_leases_of_their_own_owner(client, other, host, listed):
    lease = other.grant(600).lease_id
    with refused("PERMISSION_DENIED", "NOT_OWNER", "mark.lease_id"):
        client.set(host, flow_label=1, lease_id=lease)
    (result,) = client.apply(
        {"set": {"match": {"destination": host}, "flow_label": 1, "lease_id": lease}}
    ).results
    assert (result.error.code, result.error.reason) == (7, "NOT_OWNER")
    assert listed() == []


def test_an_admin_renews_and_revokes_for_the_owner(controller, admin):
    mine = controller("mine")
    lease = mine.grant(600)
    assert lease.owner == mine.stats().caller.owner
    assert admin.renew(lease.lease_id, owner=lease.owner).owner == lease.owner
    assert admin.revoke(lease.lease_id, owner=lease.owner).outcome == wm.OUTCOME_REMOVED


# ---- listing ----


def test_leases_are_listed_by_owner_and_page(client, other):
    mine = [client.grant(600).lease_id for _ in range(5)]
    theirs = other.grant(600).lease_id
    for page_size in (0, 1, 2, 5):
        found = client.leases(owner=client.owner, page_size=page_size)
        assert [lease.lease_id for lease in found] == mine
    everybody = [lease.lease_id for lease in client.leases(page_size=2)]
    assert everybody == sorted(everybody) and {*mine, theirs} <= {*everybody}


def test_a_token_holds_for_its_owner_only(client, other):
    for _ in range(2):
        client.grant(600)
    request = {"owner": client.owner, "page_size": 1}
    token = client.call("ListLeases", wm.ListLeasesRequest(**request)).next_page_token
    assert token
    with refused("INVALID_ARGUMENT", "PAGE_TOKEN", "page_token"):
        client.call("ListLeases", wm.ListLeasesRequest(owner=other.owner, page_token=token))


# ---- bounds ----


@pytest.mark.parametrize("ttl", [0, 0.999999999, 31 * 24 * 3600.0, -1])
def test_the_bounds_of_a_ttl(client, ttl):
    with refused("INVALID_ARGUMENT", "OUT_OF_RANGE", "ttl"):
        client.grant(ttl)
    assert client.leases(owner=client.owner) == []


def test_a_ttl_is_required(client):
    with refused("INVALID_ARGUMENT", "MISSING_FIELD", "ttl"):
        client.call("GrantLease", wm.GrantLeaseRequest())


@pytest.mark.parametrize("method", ["RenewLease", "RevokeLease"])
def test_a_lease_id_is_required(client, method):
    with refused("INVALID_ARGUMENT", "MISSING_FIELD", "lease_id"):
        client.call(method, getattr(wm, f"{method}Request")())


def test_so_many_leases_and_no_more(start_agent, elsewhere):
    """On an agent of our own, which nobody has to clear up."""
    with Client(start_agent(interface="lo", space=elsewhere).target) as client:
        limit = client.stats().limits.max_leases_per_owner
        request = wm.GrantLeaseRequest(ttl={"seconds": 600})
        for first in range(0, limit, 90):
            count = min(90, limit - first)
            for call in [client.start("GrantLease", request) for _ in range(count)]:
                last = call.result().lease.lease_id
        with refused("RESOURCE_EXHAUSTED", "QUOTA"):
            client.grant(600)
        assert client.revoke(last).outcome == wm.OUTCOME_REMOVED
        client.grant(600)
