# SPDX-License-Identifier: Apache-2.0
"""What SetMark, ClearMark, GetMark, ListMarks and Stats answer."""

import os
import re
import time

import pytest

from lib import pb
from lib.client import Client, Refused
from lib.net import NODE_INTERFACE

wm = pb.waymark
ANALYSIS_INPUT = {"experiment": "cms", "activity": "Analysis Input"}


def test_set_answers_the_mark_as_it_stands(client, destination):
    before = time.time()
    answer = client.set(destination, flow_label=0xABCDE, dscp=0, cookie="transfer 7")
    mark = answer.mark
    assert answer.outcome == wm.OUTCOME_CREATED
    assert mark.match == wm.Match(destination=str(destination))
    assert mark.WhichOneof("label") == "flow_label" and mark.flow_label == 0xABCDE
    assert mark.WhichOneof("dscp_choice") == "dscp" and mark.dscp == 0
    assert mark.cookie == "transfer 7"
    assert mark.kind == wm.KIND_HOST
    assert mark.owner == "unix:uid=0"
    assert mark.revision == answer.header.revision
    assert before - 1 <= mark.create_time.ToNanoseconds() / 1e9 <= time.time() + 1
    assert mark.counters == wm.Counters()
    assert list(answer.warnings) == []


def test_first_revision_is_one(start_agent, elsewhere, destination):
    with Client(start_agent(interface="lo", space=elsewhere).target) as client:
        assert client.stats().header.revision == 0
        assert client.set(destination, flow_label=1).header.revision == 1


def test_equal_set_is_unchanged_and_keeps_the_revision(client, destination):
    mark = {"scitag": ANALYSIS_INPUT, "dscp": 8, "cookie": "c"}
    first = client.set(destination, **mark)
    again = client.set(destination, **mark)
    assert again.outcome == wm.OUTCOME_UNCHANGED
    assert again.mark == first.mark
    assert again.header.revision == first.header.revision


def test_what_was_read_can_be_written_back(client, destination):
    client.set(destination, scitag=ANALYSIS_INPUT, cookie="c")
    read = client.get(destination)
    answer = client.call("SetMark", wm.SetMarkRequest(mark=read))
    assert answer.outcome == wm.OUTCOME_UNCHANGED
    assert answer.mark == read


@pytest.mark.parametrize(
    "change",
    [
        {"flow_label": 2, "dscp": 8, "cookie": "c"},
        {"flow_label": 1, "dscp": 9, "cookie": "c"},
        {"flow_label": 1, "dscp": 8, "cookie": "d"},
        {"flow_label": 1, "cookie": "c"},
        {"flow_label": 1, "dscp": 8},
        {"dscp": 8, "cookie": "c"},
        {"scitag": {"experiment_id": 1, "activity_id": 1}, "dscp": 8, "cookie": "c"},
    ],
)
def test_set_replaces_all_writable_fields(client, destination, change):
    first = client.set(destination, flow_label=1, dscp=8, cookie="c")
    second = client.set(destination, **change)
    assert second.outcome == wm.OUTCOME_UPDATED
    assert second.header.revision == second.mark.revision == first.mark.revision + 1
    assert second.mark.create_time == first.mark.create_time
    expected = wm.Mark(match=first.mark.match, **change)
    for field in ("flow_label", "scitag", "dscp"):
        assert second.mark.HasField(field) == expected.HasField(field)
    assert (second.mark.flow_label, second.mark.dscp, second.mark.cookie) == (
        expected.flow_label,
        expected.dscp,
        expected.cookie,
    )
    assert client.get(destination) == second.mark


@pytest.mark.parametrize(
    "written",
    [
        {"experiment": "cms", "activity": "Analysis Input"},
        {"experiment": "CMS", "activity": "analysis input"},
        {"experiment_id": 3, "activity_id": 14},
        {"experiment_id": 3, "activity": "Analysis Input"},
        {"experiment": "cms", "activity_id": 14},
        {"experiment_id": 3, "experiment": "cms", "activity_id": 14, "activity": "Analysis Input"},
    ],
)
def test_scitag_by_id_and_by_name(client, destination, written):
    answered = client.set(destination, scitag=written).mark.scitag
    assert answered == wm.Scitag(
        experiment_id=3, activity_id=14, experiment="cms", activity="Analysis Input"
    )


def test_scitag_ids_that_the_registry_does_not_know(client, destination):
    answered = client.set(destination, scitag={"experiment_id": 511, "activity_id": 63}).mark
    assert answered.scitag == wm.Scitag(experiment_id=511, activity_id=63)


def test_absent_activity_is_zero(client, destination):
    answered = client.set(destination, scitag={"experiment": "atlas"}).mark
    assert answered.scitag == wm.Scitag(experiment_id=2, experiment="atlas")


@pytest.mark.parametrize(
    ("written", "answered"),
    [
        ("2001:DB8:0:0:0:0:0:FF", "2001:db8::ff"),
        ("2001:db8::1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:db8::fe/128", "2001:db8::fe"),
        ("fe80::1", "fe80::1"),
        ("ff05::123", "ff05::123"),
    ],
)
def test_addresses_are_answered_in_canonical_form(client, written, answered):
    mark = client.set(written, flow_label=1).mark
    assert mark.match.destination == answered
    assert mark.kind == wm.KIND_HOST
    assert client.get(answered) == client.get(written) == mark


def test_longest_cookie(client, destination):
    cookie = "\N{EURO SIGN}" * 42 + "xx"
    assert len(cookie.encode()) == 128
    assert client.set(destination, flow_label=1, cookie=cookie).mark.cookie == cookie


def test_warning_for_a_local_destination(client, network):
    answer = client.set(network.node_address, flow_label=1)
    assert list(answer.warnings) == ["destination is local"]


def test_clear_answers_the_mark_and_is_idempotent(client, destination):
    mark = client.set(destination, flow_label=5).mark
    answer = client.clear(destination)
    assert answer.outcome == wm.OUTCOME_REMOVED
    assert answer.header.revision == mark.revision + 1
    assert answer.mark.match == mark.match and answer.mark.flow_label == 5
    again = client.clear(destination)
    assert again.outcome == wm.OUTCOME_ABSENT
    assert again.header.revision == answer.header.revision
    assert not again.HasField("mark")


def test_set_after_clear_is_a_new_mark(client, destination):
    first = client.set(destination, flow_label=5).mark
    client.clear(destination)
    second = client.set(destination, flow_label=5)
    assert second.outcome == wm.OUTCOME_CREATED
    assert second.mark.revision == first.revision + 2
    assert second.mark.create_time.ToNanoseconds() > first.create_time.ToNanoseconds()


@pytest.mark.parametrize("effective", [False, True])
def test_get(client, network, destination, effective):
    mark = client.set(destination, flow_label=5).mark
    assert client.get(destination, effective) == mark
    with pytest.raises(Refused) as refused:
        client.get(network.new_destination(), effective)
    assert (refused.value.code, refused.value.reason) == ("NOT_FOUND", "MARK")


def test_effective_finds_the_host_mark_of_a_flow(client, destination):
    mark = client.set(destination, flow_label=5).mark
    flow = wm.Match(
        destination=str(destination),
        destination_port=443,
        protocol=wm.PROTOCOL_TCP,
        source="2001:db8::1",
        source_port=1024,
    )
    answer = client.call("GetMark", wm.GetMarkRequest(match=flow, effective=True))
    assert answer.mark == mark
    with pytest.raises(Refused) as refused:
        client.call("GetMark", wm.GetMarkRequest(match=flow))
    assert (refused.value.code, refused.value.reason) == ("NOT_FOUND", "MARK")


def test_owner_is_fixed_and_a_second_one_is_refused(client, destination):
    mark = client.set(destination, flow_label=1, cookie="mine", owner="rucio").mark
    assert mark.owner == "rucio"
    for attempt in (
        lambda: client.set(destination, flow_label=1, cookie="mine"),
        lambda: client.clear(destination),
    ):
        with pytest.raises(Refused) as refused:
            attempt()
        assert (refused.value.code, refused.value.reason) == ("PERMISSION_DENIED", "NOT_OWNER")
        assert refused.value.metadata.items() >= {
            ("owner", "rucio"),
            ("revision", str(mark.revision)),
            ("cookie", "mine"),
        }
    assert client.get(destination) == mark
    assert client.clear(destination, owner="rucio").outcome == wm.OUTCOME_REMOVED


# ---- listing ----


@pytest.fixture
def five(client, network):
    """Five marks, in the order of their revisions."""
    addresses = [network.new_destination() for _ in range(5)]
    return [
        client.set(addresses[0], flow_label=1, cookie="a").mark,
        client.set(addresses[1], flow_label=2, cookie="a", owner="rucio").mark,
        client.set(addresses[2], scitag=ANALYSIS_INPUT).mark,
        client.set(addresses[3], scitag={"experiment": "cms"}, owner="rucio").mark,
        client.set("2001:db8:ffff::1", dscp=46).mark,
    ]


@pytest.mark.parametrize("page_size", [0, 1, 2, 4, 5, 6, 1 << 31])
def test_pages_are_complete_and_in_order(client, five, page_size):
    pages = list(client.pages(page_size=page_size, with_counters=True))
    assert [mark for page in pages for mark in page.marks] == five
    assert len(pages) == (-(-5 // page_size) if page_size else 1)
    assert all(page.header.revision == five[-1].revision for page in pages)


def test_listing_moves_a_changed_mark_to_the_end(client, five):
    changed = client.set(five[0].match.destination, flow_label=9).mark
    assert client.marks(with_counters=True) == [*five[1:], changed]


def test_listing_without_counters(client, five):
    assert not any(mark.HasField("counters") for mark in client.marks())


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        ({"filter": {"destination_prefix": "2001:db8:ffff::/48"}}, [4]),
        ({"filter": {"destination_prefix": "2001:db8:ffff::1"}}, [4]),
        ({"filter": {"destination_prefix": "2001:db8::/32"}}, [0, 1, 2, 3, 4]),
        ({"filter": {"destination_prefix": "2001:db9::/32"}}, []),
        ({"filter": {"owner": "rucio"}}, [1, 3]),
        ({"filter": {"owner": "nobody"}}, []),
        ({"filter": {"kinds": ["KIND_HOST"]}}, [0, 1, 2, 3, 4]),
        ({"filter": {"kinds": ["KIND_FLOW", "KIND_NETWORK"]}}, []),
        ({"flow_label": 2}, [1]),
        ({"flow_label": 0}, []),
        ({"scitag": ANALYSIS_INPUT}, [2]),
        ({"scitag": {"experiment_id": 3}}, [3]),
        ({"cookie": "a"}, [0, 1]),
        ({"cookie": "a", "filter": {"owner": "rucio"}}, [1]),
    ],
)
def test_filters(client, five, request_, found):
    expected = [five[number] for number in found]
    assert client.marks(with_counters=True, **request_) == expected
    assert client.marks(with_counters=True, page_size=1, **request_) == expected


def test_page_token_holds_for_its_filter_only(client, five):
    token = next(client.pages(page_size=1)).next_page_token
    for request in ({"cookie": "a"}, {"filter": {"owner": "rucio"}}, {"flow_label": 1}):
        with pytest.raises(Refused) as refused:
            client.call("ListMarks", wm.ListMarksRequest(page_token=token, **request))
        assert refused.value.code == "INVALID_ARGUMENT"
        assert (refused.value.reason, refused.value.field) == ("PAGE_TOKEN", "page_token")


# ---- stats ----


def test_stats(client, five):
    stats = client.stats()
    assert stats.header.revision == five[-1].revision
    assert re.fullmatch(r"[0-9a-f]{32}", stats.header.instance_id)
    assert re.fullmatch(r"[0-9a-f]{32}", stats.header.state_id)
    assert stats.node.name == os.uname().nodename
    assert stats.node.kernel == os.uname().release
    assert re.fullmatch(r"\d+\.\d+\.\d+", stats.node.version)
    assert stats.node.registry_modified
    assert 0 < stats.node.start_time.ToSeconds() <= time.time()
    assert stats.caller == wm.Caller(
        identity="unix:uid=0", owner="unix:uid=0", role=wm.ROLE_ADMIN, mark_count=3
    )
    (hosts,) = [table for table in stats.tables if table.kind == wm.KIND_HOST]
    assert hosts.used == 5 < hosts.capacity
    assert stats.limits.max_request_bytes == 4 << 20
    (interface,) = stats.interfaces
    assert interface.name == NODE_INTERFACE and interface.error == ""
    assert interface.attach_mode in (wm.ATTACH_MODE_TCX, wm.ATTACH_MODE_CLSACT)


def test_ids_hold_for_one_process(client, start_agent, elsewhere):
    mine = client.stats().header
    assert client.stats().header == mine
    with Client(start_agent(interface="lo", space=elsewhere).target) as other:
        theirs = other.stats().header
    assert theirs.instance_id != mine.instance_id
    assert theirs.state_id != mine.state_id
