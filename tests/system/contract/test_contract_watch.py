# SPDX-License-Identifier: Apache-2.0
"""WatchMarks: the fold of what came equals a list, whatever happened (decisions 11, 28, 29)."""

import random
import threading

import pytest

from lib import pb
from lib.client import Client
from lib.refused import refused
from lib.watch import Watch, dump, key, resume, state, tell

wm = pb.waymark
CLEARED, REPLACED = wm.REMOVAL_REASON_CLEARED, wm.REMOVAL_REASON_REPLACED


@pytest.fixture
def watch(admin, prefix):
    """Starts watches of the test's prefix."""
    return lambda **request: Watch(
        admin, **({"filter": {"destination_prefix": str(prefix)}} | request)
    )


# ---- the shape of the stream ----


def test_created_snapshot_synced_and_changes(watch, client, hosts, listed):
    a, b, c = hosts(3)
    client.set(a, flow_label=1)
    client.set(b, flow_label=2)
    with watch() as seen:
        seen.wait_synced()
        assert seen.kinds[0] == "created" and seen.kinds[-1] == "synced"
        assert tell(seen.events) == [(a, 1), (b, 2)]
        client.set(c, flow_label=3)
        client.set(a, flow_label=4)
        last = client.clear(b).header.revision
        seen.wait_revision(last)
        assert tell(seen.events[2:]) == [(c, 3), (a, 4), (b, -CLEARED)]
        assert [event.revision for event in seen.events[2:]] == [last - 2, last - 1, last]
        assert seen.fold == state(listed())


def test_an_event_is_the_mark_as_it_is_read(watch, client, host):
    lease = client.grant(600).lease_id
    with watch() as seen:
        seen.wait_synced()
        for lifetime in ({"ttl": {"seconds": 600}}, {"lease_id": lease}, {}):
            fields = {"scitag": {"experiment": "cms", "activity": "Analysis Input"}, "dscp": 8}
            answer = client.set(host, **fields, **lifetime, cookie="note")
            seen.wait_revision(answer.header.revision)
            assert seen.fold == state([client.get(host)])
            assert seen.events[-1].mark.HasField("expire_time") == bool(lifetime)


def test_an_empty_state_is_synced(watch, admin):
    head = admin.stats().header.revision
    with watch() as seen:
        seen.wait_synced()
        assert seen.events == [] and seen.header.revision >= head


def test_until_synced_is_an_exact_dump(client, admin, hosts, prefix, listed):
    client.apply(*({"set": {"match": {"destination": h}, "flow_label": 1}} for h in hosts(2000)))
    seen = dump(admin, filter={"destination_prefix": str(prefix)})
    assert seen.kinds[-1] == "synced"
    assert seen.fold == state(listed()) and len(seen.fold) == 2000


def test_updates_only_skips_the_snapshot(watch, client, hosts):
    a, b = hosts(2)
    client.set(a, flow_label=1)
    with watch(updates_only=True) as seen:
        seen.wait(lambda: seen.kinds, "created")
        client.set(b, flow_label=2)
        last = client.clear(a).header.revision
        seen.wait_revision(last)
        assert tell(seen.events) == [(b, 2), (a, -CLEARED)]


def test_heartbeats_carry_the_revision(watch, client, admin, hosts):
    """Also past changes that do not pass the filter, so that a filtered watcher can resume."""
    limits = admin.stats().limits
    interval = limits.heartbeat_interval.ToNanoseconds() / 1e9
    assert interval > 0
    with watch(filter={"owner": "nobody at all"}) as seen:
        seen.wait_synced()
        (host,) = hosts(1)
        revision = client.set(host, flow_label=1).header.revision
        seen.wait_revision(revision, timeout=interval + 10)
        assert seen.kinds[-1] == "heartbeat" and seen.events == []


# ---- watch against list ----


def test_every_kind_of_write_is_seen(watch, client, hosts, listed):
    a, b, c, d = hosts(4)
    lease = client.grant(600).lease_id
    with watch() as seen:
        seen.wait_synced()
        for write in (
            lambda: client.set(a, flow_label=1),
            lambda: client.apply(
                {"set": {"match": {"destination": b}, "flow_label": 2, "lease_id": lease}},
                {"set": {"match": {"destination": c}, "flow_label": 3}},
                {"clear": {"destination": a}},
            ),
            lambda: client.revoke(lease),
            lambda: client.replace([{"match": {"destination": d}, "flow_label": 4}]),
        ):
            seen.wait_revision(write().header.revision)
        assert tell(seen.events) == [
            *[(a, 1), (b, 2), (c, 3), (a, -CLEARED)],
            *[(b, -wm.REMOVAL_REASON_REVOKED), (d, 4), (c, -REPLACED)],
        ]
        assert seen.fold == state(listed())


def test_validated_renewed_and_unchanged_are_no_events(watch, client, host):
    mark = {"flow_label": 1, "ttl": {"seconds": 600}}
    with watch() as seen:
        seen.wait_synced()
        seen.wait_revision(client.set(host, **mark).header.revision)
        client.set(host, **mark)
        client.set(host, flow_label=2, options={"validate_only": True})
        last = client.clear(host).header.revision
        seen.wait_revision(last)
        assert tell(seen.events) == [(host, 1), (host, -CLEARED)]


@pytest.mark.parametrize("seed", range(3))
def test_after_any_history_the_fold_equals_a_list(watch, client, other, hosts, listed, seed):
    """Watches that begin at any time, with and without filters, while two owners write."""
    draw = random.Random(seed)
    addresses = hosts(40)

    def step(owner):
        host = draw.choice(addresses)
        update = {"set": {"match": {"destination": host}, "flow_label": draw.randrange(5)}}
        if draw.random() < 0.4:
            update = {"clear": {"destination": host}}
        return owner.apply(update, *([update] * draw.randrange(3)))

    with watch() as first, watch(filter={"owner": client.owner}) as mine:
        watches = []
        try:
            for number in range(200):
                if number % 20 == 0:
                    watches.append(watch())
                step(draw.choice((client, other)))
            last = client.stats().header.revision
            for seen in (first, *watches):
                assert seen.wait_synced().wait_revision(last).fold == state(listed())
            owned = state(m for m in listed() if m.owner == client.owner)
            mine.wait(lambda: mine.fold == owned, "the owner's marks")
        finally:
            for seen in watches:
                seen.__exit__(None, None, None)


def test_a_snapshot_while_everything_changes(watch, client, hosts, listed):
    """Removals during the snapshot are told before `synced`: the fold has no ghosts."""
    addresses = hosts(3000)
    client.replace({"match": {"destination": host}, "flow_label": 1} for host in addresses)
    stop = threading.Event()

    def churn():
        draw = random.Random(1)
        while not stop.is_set():
            updates = []
            for host in draw.sample(addresses, 50):
                match = {"destination": host}
                put = {"set": {"match": match, "flow_label": 2}}
                updates.append(draw.choice(({"clear": match}, put)))
            client.apply(*updates)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        watches = [watch().__enter__() for _ in range(5)]
        for seen in watches:
            seen.wait_synced()
    finally:
        stop.set()
        thread.join()
    last = client.stats().header.revision
    for seen in watches:
        assert seen.wait_revision(last).fold == state(listed())
        seen.__exit__(None, None, None)


FILTERS = {
    "destination": lambda client, host: {"destination_prefix": host},
    "owner": lambda client, host: {"owner": client.owner},
    "kind": lambda client, host: {"kinds": ["KIND_ENDPOINT"]},
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters(admin, client, other, hosts, prefix, name):
    a, b, _ = hosts(3)
    endpoint = wm.Match(destination=a, protocol="PROTOCOL_TCP", destination_port=443)
    passes = FILTERS[name](client, a)
    inside = {"destination_prefix": str(prefix)} | passes
    with Watch(admin, filter=inside) as seen:
        seen.wait_synced()
        seen.wait_revision(client.set(endpoint, flow_label=1).header.revision)  # passes each
        other.set(b, flow_label=2)  # passes none
        seen.wait_revision(client.set(endpoint, flow_label=3).header.revision)
        other.clear(b)
        seen.wait_revision(client.clear(endpoint).header.revision)
        assert tell(seen.events) == [(a, 1), (a, 3), (a, -CLEARED)]


# ---- resuming ----


def test_resuming_tells_what_was_missed(watch, client, hosts, listed):
    a, b, c = hosts(3)
    client.set(a, flow_label=1)
    client.set(b, flow_label=2)
    with watch() as first:
        header = first.wait_synced().header
        fold = dict(first.fold)
    client.set(c, flow_label=3)
    client.clear(a)
    with watch(**resume(header)) as second:
        second.wait_synced()
        assert tell(second.events) == [(c, 3), (a, -CLEARED)]
        gone = {key(event.mark.match) for event in second.events if event.removed}
        kept = {match: mark for match, mark in fold.items() if match not in gone}
        assert kept | second.fold == state(listed())
        last = client.set(b, flow_label=9).header.revision
        assert tell(second.wait_revision(last).events[2:]) == [(b, 9)]


def test_resuming_at_the_head_tells_nothing_old(watch, client, host):
    client.set(host, flow_label=1)
    with watch(**resume(client.stats().header)) as seen:
        assert seen.wait_synced().events == []


def test_resuming_again_and_again_loses_nothing(watch, client, hosts, listed):
    """One fold over many short watches."""
    draw = random.Random(3)
    addresses, fold, request = hosts(10), {}, {}
    for _ in range(30):
        for host in draw.sample(addresses, 3):
            draw.choice((client.clear, lambda h: client.set(h, flow_label=draw.randrange(9))))(host)
        with watch(until_synced=True, **request) as seen:
            assert seen.wait_end() is None
            for event in seen.events:
                name = event.mark.match.destination
                fold.pop(name, None)
                if not event.removed:
                    fold[name] = event.mark.flow_label
            request = resume(seen.header)
        assert fold == {mark.match.destination: mark.flow_label for mark in listed()}


def ends(watch, code: str, reason: str, field: str = "") -> None:
    """The watch is refused so."""
    with refused(code, reason, field), watch as seen:
        raise seen.wait_end() or AssertionError("the watch ended well")


def test_a_revision_above_the_head(watch, admin):
    header = admin.stats().header
    header.revision += 1000
    ends(watch(**resume(header)), "OUT_OF_RANGE", "STATE_CHANGED")


def test_another_state(watch, admin):
    header = admin.stats().header
    header.state_id = "0" * 32
    ends(watch(**resume(header)), "OUT_OF_RANGE", "STATE_CHANGED")


def test_a_state_id_that_is_none(watch):
    request = {"resume_state_id": "nonsense", "resume_revision": 1}
    ends(watch(**request), "OUT_OF_RANGE", "STATE_CHANGED")


@pytest.mark.parametrize("missing", ["resume_state_id", "resume_revision"])
def test_both_resume_fields_or_neither(watch, client, host, missing):
    request = resume(client.set(host, flow_label=1).header)
    del request[missing]
    if missing == "resume_state_id":
        ends(watch(**request), "INVALID_ARGUMENT", "MISSING_FIELD", missing)
    else:  # revision 0 is what a watch of an empty state ends with
        with watch(**request) as seen:
            seen.wait_synced()


@pytest.mark.parametrize(
    ("filter_", "reason", "field"),
    [
        ({"destination_prefix": "192.0.2.0/24"}, "IPV4_UNSUPPORTED", "filter.destination_prefix"),
        ({"destination_prefix": "2001:db8::1/32"}, "HOST_BITS", "filter.destination_prefix"),
        ({"kinds": [9]}, "UNKNOWN_FIELD", "filter.kinds[0]"),
    ],
)
def test_bad_filters(watch, filter_, reason, field):
    ends(watch(filter=filter_), "INVALID_ARGUMENT", reason, field)


# ---- many ----


def test_so_many_watches_and_no_more(admin, agent, pytestconfig, network, prefix):
    """On an agent of our own: others would be without."""
    limit = admin.stats().limits.max_watchers
    assert limit >= 1000
    request = {"filter": {"destination_prefix": str(prefix)}}
    with Client(agent.target, pytestconfig.tls) as last:
        clients = [Client(agent.target, pytestconfig.tls) for _ in range(-(-limit // 90))]
        calls = []
        try:
            for number in range(limit):
                call = clients[number % len(clients)].start_stream(
                    "WatchMarks", wm.WatchMarksRequest(**request)
                )
                calls.append(call)
            for call in calls:
                assert next(call).WhichOneof("content") == "created"
            ends(Watch(last, **request), "RESOURCE_EXHAUSTED", "WATCHERS")
            calls.pop().cancel()
        finally:
            for call in calls:
                call.cancel()
            for client in clients:
                client.__exit__()


# ---- history ----


def test_a_resume_below_what_is_kept(agent, admin, client, watch, prefix, host):
    """So many changes that the oldest removals are forgotten; nothing that is there is."""
    first = client.set(host, flow_label=1).header
    header = client.clear(host).header
    assert admin.stats().compact_revision <= first.revision
    # The same batch again and again: each of its updates is a change.
    request = wm.ApplyMarksRequest(options=client.options(), only_failures=True)
    for number in range(1, 5001):
        for label in (1, 2):
            mark = {"match": {"destination": str(prefix[number])}, "flow_label": label}
            request.updates.add(set=mark)
    while admin.stats().compact_revision <= header.revision:
        assert client.call("ApplyMarks", request, timeout=60).failed == 0
    kept = admin.stats()
    assert kept.header.revision - kept.compact_revision >= 1_000_000
    ends(watch(**resume(header)), "OUT_OF_RANGE", "COMPACTED")
    with watch(**resume(kept.header)) as seen:
        seen.wait_synced()
    header.revision = kept.compact_revision
    with watch(**resume(header)) as seen:
        assert len(seen.wait_synced().fold) == 5000
