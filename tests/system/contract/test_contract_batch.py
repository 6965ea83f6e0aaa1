# SPDX-License-Identifier: Apache-2.0
"""ApplyMarks: order, failures of one and of all, and what is put back (decisions 16, 21, 26)."""

from collections import Counter

import pytest

from lib import pb
from lib.client import Refused
from lib.refused import refused
from lib.send import UdpSender

wm = pb.waymark
ALL = wm.ATOMICITY_ALL_OR_NOTHING
CREATED, UPDATED, UNCHANGED = wm.OUTCOME_CREATED, wm.OUTCOME_UPDATED, wm.OUTCOME_UNCHANGED
REMOVED, ABSENT, FAILED = wm.OUTCOME_REMOVED, wm.OUTCOME_ABSENT, wm.OUTCOME_UNSPECIFIED


def put(host, label: int = 1, **mark) -> dict:
    return {"set": {"match": {"destination": str(host)}, "flow_label": label, **mark}}


def take(host) -> dict:
    return {"clear": {"destination": str(host)}}


def outcomes(answer) -> list[int]:
    return [result.outcome for result in answer.results]


# ---- order ----


def test_updates_are_carried_out_in_their_order(client, hosts, listed):
    a, b = hosts(2)
    answer = client.apply(put(a, 1), put(b, 2), put(a, 3), take(b), take(b), put(a, 3))
    assert outcomes(answer) == [CREATED, CREATED, UPDATED, REMOVED, ABSENT, UNCHANGED]
    first = answer.results[0].revision
    revisions = [result.revision for result in answer.results]
    assert revisions == [first, first + 1, first + 2, first + 3, 0, first + 2]
    assert answer.header.revision == first + 3
    (mark,) = listed()
    assert (mark.match.destination, mark.flow_label, mark.revision) == (a, 3, first + 2)


@pytest.mark.parametrize("atomicity", [0, 1, ALL])
def test_add_delete_add_in_one_batch(client, host, atomicity):
    answer = client.apply(put(host, 1), take(host), put(host, 2), atomicity=atomicity)
    assert outcomes(answer) == [CREATED, REMOVED, CREATED]
    mark = client.get(host)
    assert (mark.flow_label, mark.revision) == (2, answer.header.revision)
    assert mark.counters == wm.Counters()


def test_delete_add_of_a_mark_that_is_there_begins_at_zero(
    client, network, capture, destination
):
    client.set(destination, flow_label=1)
    with UdpSender(network.node, destination) as sender:
        sender.send(b"x")
        capture.wait(1, lambda packet: packet.destination == destination)
        answer = client.apply(take(destination), put(destination, 2))
        assert outcomes(answer) == [REMOVED, CREATED]
        assert answer.results[0].final_counters.packets == 1
        assert client.get(destination).counters == wm.Counters()


def test_results_agree_with_single_calls(client, hosts):
    """One history, once call by call and once as a batch."""
    a, b, c = hosts(3)
    history = [put(a), put(a, 2), take(a), take(a), put(b), put(b), put(c, 9, dscp=5), take(c)]
    single = [client.apply(update) for update in history]
    client.apply(*map(take, (a, b, c)))
    batch = client.apply(*history)
    assert outcomes(batch) == [answer.results[0].outcome for answer in single]


# ---- failures ----

BAD = [
    (put("192.0.2.1"), "INVALID_ARGUMENT", "IPV4_UNSUPPORTED", "set.match.destination"),
    (take("2001:db8::1/64"), "INVALID_ARGUMENT", "HOST_BITS", "clear.destination"),
    (put("2001:db8::1", 1 << 20), "INVALID_ARGUMENT", "OUT_OF_RANGE", "set.flow_label"),
    (
        put("2001:db8::1", 1, lease_id=1 << 60),
        *("NOT_FOUND", "LEASE", "set.lease_id"),
    ),
    ({}, "INVALID_ARGUMENT", "MISSING_FIELD", ""),
]
CODES = {"INVALID_ARGUMENT": 3, "NOT_FOUND": 5}


@pytest.mark.parametrize(("bad", "code", "reason", "field"), BAD)
def test_one_fails_and_the_others_do_not(client, hosts, listed, bad, code, reason, field):
    a, b = hosts(2)
    answer = client.apply(put(a), bad, put(b))
    assert outcomes(answer) == [CREATED, FAILED, CREATED]
    assert answer.failed == 1
    error = answer.results[1].error
    assert (error.code, error.reason, error.field) == (CODES[code], reason, field)
    assert error.message
    assert [result.index for result in answer.results] == [0, 1, 2]
    assert len(listed()) == 2


@pytest.mark.parametrize(("bad", "code", "reason", "field"), BAD)
def test_one_fails_and_with_it_all(client, hosts, listed, bad, code, reason, field):
    a, b, c = hosts(3)
    client.set(c, flow_label=7)
    before = listed(with_counters=True), client.stats().header.revision
    with refused(code, reason, f"updates[2].{field}".rstrip(".")):
        client.apply(put(a), put(c, 8), bad, put(b), atomicity=ALL)
    assert (listed(with_counters=True), client.stats().header.revision) == before


def test_the_first_failure_is_the_calls(client, hosts, listed):
    (a,) = hosts(1)
    with refused("INVALID_ARGUMENT", "OUT_OF_RANGE", "updates[1].set.flow_label"):
        client.apply(put(a), put(a, 1 << 20), put("192.0.2.1"), atomicity=ALL)
    assert listed() == []


def test_only_failures(client, hosts):
    a, b = hosts(2)
    answer = client.apply(put(a), put("192.0.2.1"), put(b), only_failures=True)
    assert [result.index for result in answer.results] == [1]
    assert answer.failed == 1


def test_a_mark_of_another_owner_fails_alone(client, other, hosts):
    a, b, c = hosts(3)
    other.set(b, flow_label=5)
    answer = client.apply(put(a), put(b), take(b), put(c))
    assert outcomes(answer) == [CREATED, FAILED, FAILED, CREATED]
    assert {result.error.reason for result in answer.results[1:3]} == {"NOT_OWNER"}
    assert client.get(b).flow_label == 5
    with refused("PERMISSION_DENIED", "NOT_OWNER", "updates[1]", owner=other.owner):
        client.apply(take(a), put(b), atomicity=ALL)
    assert client.get(a).flow_label == 1


def test_at_most_ten_thousand(client, hosts, listed):
    limit = client.stats().limits.max_updates
    assert limit == 10_000
    many = [put(host) for host in hosts(limit)]
    with refused("INVALID_ARGUMENT", "OUT_OF_RANGE", "updates"):
        client.apply(*many, many[0])
    assert listed() == []
    answer = client.apply(*many, atomicity=ALL, only_failures=True)
    assert (answer.failed, len(answer.results)) == (0, 0)
    assert len(listed()) == limit
    answer = client.apply(*map(take, (host["set"]["match"]["destination"] for host in many)))
    assert set(outcomes(answer)) == {REMOVED}


# The kernel takes 1,024 marks at a time, while the next ones are decided.
LARGE = 4000


def large(hosts) -> tuple[list[dict], list[str]]:
    """Marks of which some change again soon after they were made, or long after."""
    marked = hosts(LARGE)
    updates = [put(host) for host in marked]
    updates[1500:1500] = [put(marked[1490], 2), take(marked[1491]), put(marked[3], 2)]
    return [*updates, take(marked[4]), put(marked[2500], 2)], marked


@pytest.mark.parametrize("atomicity", [0, ALL])
def test_changes_far_apart_in_a_large_batch(client, hosts, listed, atomicity):
    updates, marked = large(hosts)
    counted = Counter(outcomes(client.apply(*updates, atomicity=atomicity)))
    assert counted == {CREATED: LARGE, UPDATED: 3, REMOVED: 2}
    labels = {mark.match.destination: mark.flow_label for mark in listed()}
    changed = {marked[1490], marked[3], marked[2500]}
    gone = {marked[1491], marked[4]}
    assert labels == {host: 1 + (host in changed) for host in marked if host not in gone}


def test_the_last_one_fails_and_with_it_a_large_batch(client, hosts, listed):
    updates, marked = large(hosts)
    client.set(marked[7], flow_label=7)
    before = client.stats()
    with refused("ALREADY_EXISTS", "MARK", f"updates[{len(updates)}].precondition.must_not_exist"):
        client.apply(
            *updates,
            put(marked[7]) | {"precondition": {"must_not_exist": True}},
            atomicity=ALL,
        )
    assert [mark.flow_label for mark in listed()] == [7]
    assert client.stats().tables == before.tables


@pytest.mark.parametrize("atomicity", [0, ALL])
def test_an_empty_batch_changes_nothing(client, atomicity):
    before = client.stats().header
    answer = client.apply(atomicity=atomicity)
    assert answer == wm.ApplyMarksResponse(header=before)


def test_a_refused_call_is_refused_as_a_whole(client, host):
    """Options that are wrong are nobody's update."""
    with pytest.raises(Refused) as caught:
        client.apply(put(host), owner="x" * 256)
    assert (caught.value.code, caught.value.field) == ("INVALID_ARGUMENT", "options.owner")
