# SPDX-License-Identifier: Apache-2.0
"""Preconditions, row by row (decision 13). Each is tried as a single call and in a batch."""

import pytest

from lib import pb
from lib.client import as_match
from lib.refused import refused

wm = pb.waymark
MISMATCH = ("ABORTED", "REVISION_MISMATCH")
EXISTS = ("ALREADY_EXISTS", "MARK")
FIELDS = {MISMATCH: "precondition.if_revision", EXISTS: "precondition.must_not_exist"}
CODES = {"INVALID_ARGUMENT": 3, "ALREADY_EXISTS": 6, "PERMISSION_DENIED": 7, "ABORTED": 10}


@pytest.fixture(params=["call", "batch", "all"])
def write(request, client):
    """Sets or clears under a precondition; answers the outcome, or the refusal is checked."""

    def write(verb: str, host, precondition: dict, refusal=None, field: str | None = None):
        if field is None:
            field = FIELDS.get(refusal, "")
        batched = request.param != "call"
        if batched:
            what = as_match(host)
            if verb == "set":
                what = wm.Mark(match=what, flow_label=2)
            update = {verb: what, "precondition": precondition}
        if request.param == "batch":
            (result,) = client.apply(update).results
            if refusal:
                error = result.error
                assert (error.code, error.reason) == (CODES[refusal[0]], refusal[1])
                assert error.field == field
            return result.outcome
        if batched:
            field = f"updates[0].{field}" if field else "updates[0]"
            act = lambda: client.apply(update, atomicity=wm.ATOMICITY_ALL_OR_NOTHING)
        elif verb == "set":
            act = lambda: client.set(host, flow_label=2, precondition=precondition)
        else:
            act = lambda: client.clear(host, precondition=precondition)
        if refusal:
            with refused(*refusal, field):
                act()
            return wm.OUTCOME_UNSPECIFIED
        answer = act()
        return answer.results[0].outcome if batched else answer.outcome

    return write


def test_create_only_where_there_is_none(write, client, host):
    assert write("set", host, {"must_not_exist": True}) == wm.OUTCOME_CREATED
    write("set", host, {"must_not_exist": True}, EXISTS)
    assert client.get(host).flow_label == 2


def test_create_only_fails_even_for_an_equal_mark(write, client, host):
    client.set(host, flow_label=2)
    write("set", host, {"must_not_exist": True}, EXISTS)


def test_set_at_the_right_revision(write, client, host):
    revision = client.set(host, flow_label=1).mark.revision
    assert write("set", host, {"if_revision": revision}) == wm.OUTCOME_UPDATED
    assert client.get(host).flow_label == 2


@pytest.mark.parametrize("difference", [-1, 1])
def test_set_at_another_revision(write, client, host, difference):
    client.set(host, flow_label=0)
    mark = client.set(host, flow_label=1).mark
    write("set", host, {"if_revision": mark.revision + difference}, MISMATCH)
    assert client.get(host) == mark


def test_set_at_a_revision_of_an_absent_mark(write, host, listed):
    write("set", host, {"if_revision": 1}, MISMATCH)
    assert listed() == []


def test_clear_at_the_right_revision(write, client, host, listed):
    revision = client.set(host, flow_label=1).mark.revision
    assert write("clear", host, {"if_revision": revision}) == wm.OUTCOME_REMOVED
    assert listed() == []


def test_clear_at_another_revision(write, client, host):
    mark = client.set(host, flow_label=1).mark
    write("clear", host, {"if_revision": mark.revision + 1}, MISMATCH)
    assert client.get(host) == mark


def test_clear_at_a_revision_of_an_absent_mark(write, host):
    assert write("clear", host, {"if_revision": 1}) == wm.OUTCOME_ABSENT


def test_no_condition(write, client, host):
    assert write("set", host, {}) == wm.OUTCOME_CREATED
    assert write("set", host, {"if_revision": 0}) == wm.OUTCOME_UNCHANGED
    assert write("clear", host, {"if_revision": 0}) == wm.OUTCOME_REMOVED


def test_both_at_once_make_no_sense(write, host, listed):
    both = {"must_not_exist": True, "if_revision": 1}
    write("set", host, both, ("INVALID_ARGUMENT", "UNEXPECTED_FIELD"), "precondition.if_revision")
    assert listed() == []


def test_must_not_exist_is_not_for_clear(write, client, host):
    client.set(host, flow_label=1)
    refusal = ("INVALID_ARGUMENT", "UNEXPECTED_FIELD")
    write("clear", host, {"must_not_exist": True}, refusal, "precondition.must_not_exist")
    assert client.get(host).flow_label == 1


def test_ownership_comes_before_preconditions(write, other, host):
    """Decision 12: fence, ownership, precondition, lease, quota, table."""
    revision = other.set(host, flow_label=1).mark.revision
    denied = ("PERMISSION_DENIED", "NOT_OWNER")
    for condition in ({"if_revision": revision}, {"if_revision": revision + 1}):
        write("set", host, condition, denied)
        write("clear", host, condition, denied)


def test_must_not_exist_against_another_owner(client, other, host):
    """The match is taken, by whomever: either refusal names who has it."""
    mark = other.set(host, flow_label=1, cookie="theirs").mark
    facts = {"owner": other.owner, "revision": mark.revision, "cookie": "theirs"}
    with refused("PERMISSION_DENIED", "NOT_OWNER", **facts):
        client.set(host, flow_label=1, precondition={"must_not_exist": True})


def test_refusals_say_what_is_there(client, host):
    mark = client.set(host, flow_label=1, cookie="there", ttl={"seconds": 600}).mark
    facts = {"owner": client.owner, "revision": mark.revision, "cookie": "there"}
    for refusal, condition in (
        (EXISTS, {"must_not_exist": True}),
        (MISMATCH, {"if_revision": mark.revision + 1}),
    ):
        with refused(*refusal, FIELDS[refusal], **facts) as found:
            client.set(host, flow_label=1, precondition=condition)
        assert found.error.metadata["expire_time"]


def test_preconditions_see_what_the_batch_has_done(client, host):
    update = {"set": {"match": {"destination": host}, "flow_label": 1}}
    once = update | {"precondition": {"must_not_exist": True}}
    answer = client.apply(once, once)
    assert answer.results[0].outcome == wm.OUTCOME_CREATED
    assert answer.results[1].error.reason == "MARK"
    changed = {"set": {"match": {"destination": host}, "flow_label": 2}}
    condition = {"precondition": {"if_revision": answer.results[0].revision}}
    answer = client.apply(changed | condition, changed | condition)
    assert answer.results[0].outcome == wm.OUTCOME_UPDATED
    assert answer.results[1].error.reason == "REVISION_MISMATCH"
