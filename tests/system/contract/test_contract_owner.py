# SPDX-License-Identifier: Apache-2.0
"""Owners: one for a match, fixed at creation (decisions 14, 31)."""

import pytest

from lib import pb
from lib.refused import refused
from lib.watch import lasting

wm = pb.waymark


def test_a_mark_belongs_to_who_made_it(controller, client, hosts):
    a, b = hosts(2)
    mine = controller("mine")
    identity = mine.stats().caller
    assert identity.identity == identity.owner == mine.set(a, flow_label=1).mark.owner
    assert identity.owner.startswith("dns:mine-")
    assert client.set(b, flow_label=1).mark.owner == client.owner


def test_a_second_owner_is_refused_even_with_an_equal_mark(client, other, host):
    mark = client.set(host, flow_label=1, cookie="mine").mark
    facts = {"owner": client.owner, "revision": mark.revision, "cookie": "mine"}
    with refused("PERMISSION_DENIED", "NOT_OWNER", **facts):
        other.set(host, flow_label=1, cookie="mine")
    with refused("PERMISSION_DENIED", "NOT_OWNER", **facts):
        other.clear(host)
    assert client.get(host) == mark


def test_the_refusal_tells_when_the_mark_ends(client, other, host):
    mark = client.set(host, flow_label=1, ttl={"seconds": 600}).mark
    with refused("PERMISSION_DENIED", "NOT_OWNER") as found:
        other.set(host, flow_label=1)
    assert found.error.metadata["expire_time"][:15] == mark.expire_time.ToJsonString()[:15]


def test_every_way_of_writing_respects_the_owner(client, other, host):
    mark = client.set(host, flow_label=1).mark
    declared = {"match": {"destination": host}, "flow_label": 2}
    for update in ({"set": declared}, {"clear": {"destination": host}}):
        (result,) = other.apply(update).results
        assert result.error.reason == "NOT_OWNER" and result.error.code == 7
    answer = other.replace([declared])
    assert (answer.failed, answer.failures[0].error.reason) == (1, "NOT_OWNER")
    assert client.get(host) == mark


def test_an_admin_acts_for_another_owner(controller, admin, host):
    mine = controller("mine")
    owner = mine.stats().caller.owner
    mine.set(host, flow_label=1)
    answer = admin.set(host, flow_label=2, owner=owner)
    assert (answer.outcome, answer.mark.owner) == (wm.OUTCOME_UPDATED, owner)
    assert mine.clear(host).outcome == wm.OUTCOME_REMOVED


def test_a_cleared_match_is_anybodys(client, other, host):
    client.set(host, flow_label=1)
    client.clear(host)
    assert other.set(host, flow_label=1).mark.owner == other.owner


def test_an_owner_in_a_mark_is_ignored(client, host):
    mark = client.set(host, flow_label=1).mark
    mark.owner, mark.revision = "somebody", 1
    answer = client.call("SetMark", wm.SetMarkRequest(mark=mark, options=client.options()))
    assert answer.outcome == wm.OUTCOME_UNCHANGED
    assert lasting(answer.mark) == lasting(client.get(host))


@pytest.mark.parametrize("method", ["set", "clear", "apply", "replace", "grant"])
def test_an_owner_has_at_most_255_octets(client, host, method):
    arguments = {
        "set": ((host,), {"flow_label": 1}),
        "clear": ((host,), {}),
        "apply": ((), {}),
        "replace": (([],), {"allow_empty": True}),
        "grant": ((60,), {}),
    }
    positional, named = arguments[method]
    field = "begin.options.owner" if method == "replace" else "options.owner"
    with refused("INVALID_ARGUMENT", "OUT_OF_RANGE", field):
        getattr(client, method)(*positional, owner="o" * 256, **named)
