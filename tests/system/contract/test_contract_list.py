# SPDX-License-Identifier: Apache-2.0
"""ListMarks: filters, pages, tokens, and pages while everything changes (decision 27)."""

import random
import threading

import pytest

from lib import pb
from lib.refused import refused
from lib.send import UdpSender
from lib.watch import dump, state

wm = pb.waymark


@pytest.fixture
def assorted(client, other, hosts, prefix):
    """Marks of all kinds, lifetimes and labels, and of two owners; by short names."""
    a, b, c, d, source = hosts(5)
    flow = {"protocol": "PROTOCOL_TCP", "destination_port": 443}
    ends = {"source": source, "source_port": 1024}
    lease = client.grant(600).lease_id
    subnet = str(next(prefix.subnets(new_prefix=96)))
    return {
        "host": client.set(a, flow_label=1, cookie="x").mark,
        "endpoint": client.set(wm.Match(destination=a, **flow), flow_label=2, cookie="y").mark,
        "flow": client.set(
            wm.Match(destination=b, **flow, **ends), scitag={"experiment_id": 3}, lease_id=lease
        ).mark,
        "network": client.set(wm.Match(destination=subnet), dscp=4, lease_id=lease).mark,
        "theirs": other.set(c, scitag={"experiment_id": 3, "activity_id": 14}, cookie="x").mark,
        "timed": other.set(d, flow_label=1, ttl={"seconds": 600}).mark,
    }


FILTERS = [
    ({"filter": {"kinds": ["KIND_HOST"]}}, "host theirs timed"),
    ({"filter": {"kinds": ["KIND_ENDPOINT"]}}, "endpoint"),
    ({"filter": {"kinds": ["KIND_FLOW", "KIND_NETWORK"]}}, "flow network"),
    ({"flow_label": 1}, "host timed"),
    ({"flow_label": 3}, ""),
    ({"scitag": {"experiment_id": 3}}, "flow"),
    ({"scitag": {"experiment_id": 3, "activity_id": 14}}, "theirs"),
    ({"cookie": "x"}, "host theirs"),
    ({"cookie": "x", "flow_label": 1}, "host"),
    ({"cookie": "X"}, ""),
]


@pytest.mark.parametrize(("request_", "names"), FILTERS)
def test_filters(admin, assorted, prefix, request_, names):
    narrow = request_ | {
        "filter": request_.get("filter", {}) | {"destination_prefix": str(prefix)}
    }
    expected = [assorted[name].match for name in names.split()]
    for page_size in (0, 1):
        assert [mark.match for mark in admin.marks(**narrow, page_size=page_size)] == expected


def test_filter_by_owner(admin, client, other, assorted):
    mine = [mark.match for mark in admin.marks(filter={"owner": client.owner})]
    theirs = [mark.match for mark in admin.marks(filter={"owner": other.owner})]
    names = "host endpoint flow network".split()
    assert mine == [assorted[name].match for name in names]
    assert theirs == [assorted[name].match for name in ("theirs", "timed")]
    assert admin.marks(filter={"owner": "nobody at all"}) == []


def test_filter_by_lease(admin, assorted):
    lease = assorted["flow"].lease_id
    found = [mark.match for mark in admin.marks(lease_id=lease)]
    assert found == [assorted["flow"].match, assorted["network"].match]
    assert admin.marks(lease_id=1 << 60) == []


def test_filter_by_destination(admin, assorted):
    (host,) = [assorted["host"].match.destination]
    found = [mark.match for mark in admin.marks(filter={"destination_prefix": host})]
    assert found == [assorted["host"].match, assorted["endpoint"].match]
    inner = assorted["network"].match.destination
    found = admin.marks(filter={"destination_prefix": inner, "kinds": ["KIND_NETWORK"]})
    assert [mark.match for mark in found] == [assorted["network"].match]
    wider = inner.replace("/96", "/97")
    found = admin.marks(filter={"destination_prefix": wider, "kinds": ["KIND_NETWORK"]})
    assert found == []


PREFIX = "filter.destination_prefix"
REFUSED = [
    ({"filter": {"destination_prefix": "192.0.2.0/24"}}, "IPV4_UNSUPPORTED", PREFIX),
    ({"filter": {"destination_prefix": "2001:db8::1/32"}}, "HOST_BITS", PREFIX),
    ({"filter": {"kinds": [9]}}, "UNKNOWN_FIELD", "filter.kinds[0]"),
    ({"flow_label": 1 << 20}, "OUT_OF_RANGE", "flow_label"),
    ({"scitag": {"experiment": "no such"}}, "UNKNOWN_NAME", "scitag.experiment"),
]


@pytest.mark.parametrize(("request_", "reason", "field"), REFUSED)
def test_bad_filters(admin, request_, reason, field):
    with refused("INVALID_ARGUMENT", reason, field):
        admin.marks(**request_)


@pytest.mark.parametrize("token", ["nonsense", "00", "0" * 66, "g" * 66, "0" * 1000])
def test_tokens_that_are_none(admin, token):
    with refused("INVALID_ARGUMENT", "PAGE_TOKEN", "page_token"):
        admin.call("ListMarks", wm.ListMarksRequest(page_token=token))


@pytest.mark.parametrize("page_size", [1, 2, 5, 6, 7, 0, (1 << 32) - 1])
def test_pages_are_complete_and_in_order(admin, assorted, prefix, page_size):
    request = {"filter": {"destination_prefix": str(prefix)}, "page_size": page_size}
    pages = list(admin.pages(**request))
    marks = [mark for page in pages for mark in page.marks]
    assert [mark.match for mark in marks] == [mark.match for mark in assorted.values()]
    assert [mark.revision for mark in marks] == sorted(mark.revision for mark in marks)
    assert all(len(page.marks) <= (page_size or 6) for page in pages)


OTHERS = [
    {"filter": {"owner": "somebody"}},
    {"filter": {"kinds": ["KIND_HOST"]}},
    {"filter": {"destination_prefix": "2001:db8::/32"}},
    {"flow_label": 1},
    {"scitag": {"experiment_id": 3}},
    {"lease_id": 1},
    {"cookie": "x"},
]


@pytest.mark.parametrize("request_", OTHERS)
def test_a_token_holds_for_its_filter_only(admin, assorted, request_):
    token = next(admin.pages(page_size=1)).next_page_token
    with refused("INVALID_ARGUMENT", "PAGE_TOKEN", "page_token"):
        admin.call("ListMarks", wm.ListMarksRequest(page_token=token, page_size=1, **request_))


def test_paging_under_concurrent_change(admin, client, other, hosts, prefix):
    """What is there all the while is listed; nothing is listed that never was."""
    steady, restless, changing = hosts(300), hosts(100), hosts(100)
    client.replace(
        {"match": {"destination": host}, "flow_label": 1} for host in steady + changing
    )
    stop = threading.Event()
    rounds = []

    def churn():
        draw = random.Random(7)
        while not stop.is_set():
            updates = []
            for host in draw.sample(restless, 20):
                match = {"destination": host}
                updates += [{"set": {"match": match, "flow_label": 2}}, {"clear": match}][
                    :: draw.choice((1, -1))
                ]
            other.apply(*updates)
            changes = ({"match": {"destination": host}, "flow_label": draw.randrange(1 << 20)}
                       for host in draw.sample(changing, 10))  # fmt: skip
            client.apply(*({"set": mark} for mark in changes))
            rounds.append(1)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(10):
            pages = admin.pages(filter={"destination_prefix": str(prefix)}, page_size=17)
            marks = [mark for page in pages for mark in page.marks]
            found = [mark.match.destination for mark in marks]
            assert {*steady, *changing} <= {*found} <= {*steady, *changing, *restless}
            revisions = [mark.revision for mark in marks]
            assert revisions == sorted(set(revisions))
            assert sorted(found.count(host) for host in steady) == [1] * len(steady)
    finally:
        stop.set()
        thread.join()
    assert rounds
    settled = admin.marks(filter={"destination_prefix": str(prefix)}, page_size=17)
    watched = dump(admin, filter={"destination_prefix": str(prefix)})
    assert state(settled) == watched.fold and len(settled) == len(watched.fold)


def test_counters_are_told_where_asked(client, network, capture, destination):
    client.set(destination, flow_label=1)
    with UdpSender(network.node, destination) as sender:
        sender.send(b"x")
        capture.wait(1, lambda packet: packet.destination == destination)
    only = {"destination_prefix": str(destination)}
    (plain,) = client.marks(filter=only)
    (counted,) = client.marks(filter=only, with_counters=True)
    assert not plain.HasField("counters") and counted.counters.packets == 1
