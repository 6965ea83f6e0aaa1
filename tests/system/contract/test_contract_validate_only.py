# SPDX-License-Identifier: Apache-2.0
"""validate_only: every check, the would-be outcome, and no trace (decision 18)."""

import pytest

from lib import pb
from lib.refused import refused
from lib.watch import Watch, state

wm = pb.waymark
ALL = wm.ATOMICITY_ALL_OR_NOTHING
ONLY = {"validate_only": True}


@pytest.fixture
def nothing_changes(admin, client, prefix, listed):
    """Lists, leases, the revision and the stream of events are the same afterwards."""

    def facts():
        leases = [(lease.lease_id, lease.mark_count) for lease in client.leases()]
        marks = listed(with_counters=True)
        counters = [(mark.counters.packets, mark.counters.bytes) for mark in marks]
        return state(marks), counters, leases, admin.stats().header.revision

    with Watch(admin, filter={"destination_prefix": str(prefix)}) as watch:
        watch.wait_synced()
        seen = []

        def begin():
            seen.append((facts(), watch.wait_revision(admin.stats().header.revision).events[:]))

        yield begin
        (before,) = seen
        assert facts() == before[0]
        # A change of our own is the next one that is seen.
        marker = str(prefix[0xFFFF])
        revision = client.set(marker, flow_label=1).header.revision
        assert revision == before[0][-1] + 1
        events = watch.wait_revision(revision).events[len(before[1]) :]
        assert [event.mark.match.destination for event in events] == [marker]


def test_set(nothing_changes, client, hosts):
    a, b = hosts(2)
    client.set(a, flow_label=1)
    nothing_changes()
    for host, label, outcome in (
        (a, 2, wm.OUTCOME_UPDATED),
        (a, 1, wm.OUTCOME_UNCHANGED),
        (b, 1, wm.OUTCOME_CREATED),
        (b, 1, wm.OUTCOME_CREATED),
    ):
        answer = client.set(host, flow_label=label, options=ONLY)
        assert answer.outcome == outcome
        assert answer.mark.flow_label == label


def test_an_equal_set_does_not_renew(nothing_changes, client, host):
    mark = client.set(host, flow_label=1, ttl={"seconds": 600}).mark
    nothing_changes()
    answer = client.set(host, flow_label=1, ttl={"seconds": 600}, options=ONLY)
    assert answer.outcome == wm.OUTCOME_UNCHANGED
    drift = client.get(host).expire_time.ToNanoseconds() - mark.expire_time.ToNanoseconds()
    assert abs(drift) < 1_000_000


def test_clear(nothing_changes, client, hosts):
    a, b = hosts(2)
    client.set(a, flow_label=1)
    nothing_changes()
    answer = client.clear(a, options=ONLY)
    assert (answer.outcome, answer.mark.flow_label) == (wm.OUTCOME_REMOVED, 1)
    assert client.clear(b, options=ONLY).outcome == wm.OUTCOME_ABSENT


@pytest.mark.parametrize("atomicity", [0, ALL])
def test_apply_simulates_the_batch_in_order(nothing_changes, client, hosts, atomicity):
    a, b = hosts(2)
    client.set(a, flow_label=1)
    nothing_changes()
    updates = [
        {"clear": {"destination": a}},
        {"set": {"match": {"destination": a}, "flow_label": 2}},
        {"set": {"match": {"destination": b}, "flow_label": 2}},
        {"set": {"match": {"destination": b}, "flow_label": 2}},
        {"clear": {"destination": b}},
        {"clear": {"destination": b}},
    ]
    answer = client.apply(*updates, atomicity=atomicity, options=ONLY)
    assert [result.outcome for result in answer.results] == [
        wm.OUTCOME_REMOVED,
        wm.OUTCOME_CREATED,
        wm.OUTCOME_CREATED,
        wm.OUTCOME_UNCHANGED,
        wm.OUTCOME_REMOVED,
        wm.OUTCOME_ABSENT,
    ]


def test_replace(nothing_changes, client, hosts):
    a, b, c = hosts(3)
    client.set(a, flow_label=1)
    client.set(b, flow_label=1)
    nothing_changes()
    marks = [{"match": {"destination": host}, "flow_label": 1} for host in (a, c)]
    answer = client.replace(marks, options=ONLY)
    assert (answer.created, answer.unchanged, answer.removed) == (1, 1, 1)
    answer = client.replace([], allow_empty=True, options=ONLY)
    assert answer.removed == 2


def test_leases(nothing_changes, client, host):
    lease = client.grant(600)
    client.set(host, flow_label=1, lease_id=lease.lease_id)
    nothing_changes()
    assert client.grant(60, validate_only=True).lease_id == 0
    renewed = client.renew(lease.lease_id, validate_only=True)
    assert renewed.lease_id == lease.lease_id
    answer = client.revoke(lease.lease_id, validate_only=True)
    assert (answer.outcome, answer.removed) == (wm.OUTCOME_REMOVED, 1)
    assert client.revoke(1 << 60, validate_only=True).outcome == wm.OUTCOME_ABSENT
    (same,) = client.leases(owner=client.owner)
    drift = same.expire_time.ToNanoseconds() - lease.expire_time.ToNanoseconds()
    assert abs(drift) < 1_000_000


def test_every_check_is_made(nothing_changes, client, other, host):
    mark = other.set(host, flow_label=1).mark
    nothing_changes()
    with refused("PERMISSION_DENIED", "NOT_OWNER", owner=other.owner):
        client.set(host, flow_label=1, options=ONLY)
    with refused("ALREADY_EXISTS", "MARK", "precondition.must_not_exist"):
        other.set(host, flow_label=1, precondition={"must_not_exist": True}, options=ONLY)
    with refused("ABORTED", "REVISION_MISMATCH", "precondition.if_revision"):
        other.clear(host, precondition={"if_revision": mark.revision + 1}, options=ONLY)
    with refused("NOT_FOUND", "LEASE", "mark.lease_id"):
        other.set(host, flow_label=1, lease_id=1 << 60, options=ONLY)
    with refused("NOT_FOUND", "LEASE", "lease_id"):
        client.renew(1 << 60, validate_only=True)
    update = {"set": {"match": {"destination": host}, "flow_label": 1}}
    (result,) = client.apply(update, options=ONLY).results
    assert result.error.reason == "NOT_OWNER"
    with refused("PERMISSION_DENIED", "NOT_OWNER", "updates[0]"):
        client.apply(update, atomicity=ALL, options=ONLY)
