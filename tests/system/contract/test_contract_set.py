# SPDX-License-Identifier: Apache-2.0
"""SetMark and ClearMark: replace, repeat, and what answers promise (decisions 6, 9, 10, 20, 26)."""

import pytest

from lib import pb
from lib.send import UdpSender

wm = pb.waymark


def test_set_replaces_every_writable_field(client, host):
    client.set(host, flow_label=1, dscp=2, cookie="c", ttl={"seconds": 60})
    answer = client.set(host, scitag={"experiment_id": 3})
    assert answer.outcome == wm.OUTCOME_UPDATED
    mark = client.get(host)
    assert (mark.WhichOneof("label"), mark.cookie) == ("scitag", "")
    assert mark.WhichOneof("dscp_choice") is None and mark.WhichOneof("lifetime") is None


def test_repeating_a_set_changes_nothing(client, host):
    first = client.set(host, flow_label=1)
    again = client.set(host, flow_label=1)
    assert (first.outcome, again.outcome) == (wm.OUTCOME_CREATED, wm.OUTCOME_UNCHANGED)
    assert again.mark == first.mark


def test_clear_is_idempotent(client, host, listed):
    client.set(host, flow_label=1)
    assert client.clear(host).outcome == wm.OUTCOME_REMOVED
    again = client.clear(host)
    assert again.outcome == wm.OUTCOME_ABSENT and not again.HasField("mark")
    assert listed() == []


def test_each_change_takes_the_next_revision(client, host):
    created = client.set(host, flow_label=1).header.revision
    updated = client.set(host, flow_label=2).header.revision
    unchanged = client.set(host, flow_label=2).header.revision
    removed = client.clear(host).header.revision
    absent = client.clear(host).header.revision
    assert [updated, unchanged, removed, absent] == [created + 1, created + 1] + 2 * [created + 2]


def test_headers_name_one_state(client, host):
    headers = [
        client.set(host, flow_label=1).header,
        client.apply({"clear": {"destination": host}}).header,
        client.replace([], allow_empty=True).header,
        client.stats().header,
        next(client.pages()).header,
    ]
    assert len({(header.state_id, header.instance_id) for header in headers}) == 1


@pytest.mark.parametrize("how", ["SetMark", "ApplyMarks", "ReplaceMarks"])
def test_the_next_packet_is_marked_and_the_removal_tells_how_many_were(
    client, network, capture, destination, how
):
    mark = {"match": {"destination": str(destination)}, "flow_label": 0x54321}
    with UdpSender(network.node, destination, auto_label=False) as sender:
        sender.send(b"before")
        match how:
            case "SetMark":
                client.set(destination, flow_label=0x54321)
            case "ApplyMarks":
                client.apply({"set": mark})
            case "ReplaceMarks":
                client.replace([mark])
        sender.send(b"marked")
        match how:
            case "SetMark":
                final = client.clear(destination).mark.counters
            case "ApplyMarks":
                answer = client.apply({"clear": mark["match"]})
                final = answer.results[0].final_counters
            case "ReplaceMarks":
                final = client.get(destination).counters
                client.replace([], allow_empty=True)
        sender.send(b"after")
        arrived = capture.wait(3, lambda packet: packet.destination == destination)
    assert [(packet.payload, packet.flow_label) for packet in arrived] == [
        (b"before", 0),
        (b"marked", 0x54321),
        (b"after", 0),
    ]
    assert (final.packets, final.bytes) == (1, 40 + 8 + len(b"marked"))
