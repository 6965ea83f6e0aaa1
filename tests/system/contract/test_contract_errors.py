# SPDX-License-Identifier: Apache-2.0
"""What every refusal carries, whatever caused it (decisions 12, 19; the preface of docs/api.md)."""


import pytest

from lib import pb
from lib.refused import refused

wm = pb.waymark
LONG = "\N{EURO SIGN}" * 500_000
INVALID = "INVALID_ARGUMENT"


def set_mark(**mark) -> wm.SetMarkRequest:
    match = {"destination": "2001:db8::1"}
    return wm.SetMarkRequest(mark={"match": match, "flow_label": 1} | mark)


LONG_INPUT = [
    ("SetMark", set_mark(cookie=LONG), "OUT_OF_RANGE", "mark.cookie"),
    ("SetMark", set_mark(match={"destination": LONG}), "INVALID_ADDRESS", "mark.match.destination"),
    ("SetMark", wm.SetMarkRequest(mark=set_mark().mark, options={"owner": LONG}),
     "OUT_OF_RANGE", "options.owner"),
    ("SetMark", wm.SetMarkRequest(mark={"match": {"destination": "2001:db8::1"},
                                        "scitag": {"experiment": LONG}}),
     "UNKNOWN_NAME", "mark.scitag.experiment"),
    ("ClearMark", wm.ClearMarkRequest(match={"destination": LONG}),
     "INVALID_ADDRESS", "match.destination"),
    ("GetMark", wm.GetMarkRequest(match={"destination": LONG}),
     "INVALID_ADDRESS", "match.destination"),
    ("ListMarks", wm.ListMarksRequest(page_token=LONG), "PAGE_TOKEN", "page_token"),
    ("ListMarks", wm.ListMarksRequest(filter={"destination_prefix": LONG}),
     "INVALID_ADDRESS", "filter.destination_prefix"),
    ("ListMarks", wm.ListMarksRequest(cookie=LONG), "OUT_OF_RANGE", "cookie"),
    ("GrantLease", wm.GrantLeaseRequest(ttl={"seconds": 9}, options={"owner": LONG}),
     "OUT_OF_RANGE", "options.owner"),
    ("ListLeases", wm.ListLeasesRequest(page_token=LONG), "PAGE_TOKEN", "page_token"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "request_", "reason", "field"), LONG_INPUT)
def test_details_stay_small(admin, method, request_, reason, field):
    """`refused` wants them below 4 KiB; the message is cut where it is UTF-8."""
    with refused(INVALID, reason, field) as found:
        admin.call(method, request_)
    assert len(found.error.message) < 1000


def test_long_facts_of_the_mark_that_is_there(admin, host):
    owner, cookie = "o" * 255, "\N{EURO SIGN}" * 42
    try:
        admin.set(host, flow_label=1, cookie=cookie, owner=owner)
        with refused("PERMISSION_DENIED", "NOT_OWNER", owner=owner, cookie=cookie):
            admin.clear(host)
    finally:
        admin.clear(host, owner=owner)


def test_a_batch_tells_each_failure_in_brief(admin):
    """Ten thousand failures with the longest of texts are one answer."""
    update = {"set": {"match": {"destination": "2001:db8::1"}, "dscp": 1, "cookie": "c" * 300}}
    answer = admin.apply(*[update] * 10_000)
    assert answer.failed == 10_000
    assert answer.ByteSize() < 4 << 20


# ---- order of checks ----


def test_syntax_comes_before_everything(client, other, host):
    other.set(host, flow_label=1)
    with refused(INVALID, "OUT_OF_RANGE", "mark.flow_label"):
        client.set(host, flow_label=1 << 20, precondition={"if_revision": 99})


def test_the_precondition_comes_before_the_lease(client, host):
    with refused("ABORTED", "REVISION_MISMATCH", "precondition.if_revision"):
        client.set(host, flow_label=1, lease_id=1 << 60, precondition={"if_revision": 99})


# ---- unknown fields ----

UNKNOWN = b"\xf8\x3f\x01"  # field 1023, varint 1
METHODS = ["SetMark", "ClearMark", "GetMark", "ListMarks", "Stats", "ApplyMarks", "GrantLease",
           "RenewLease", "RevokeLease", "ListLeases"]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_unknown_fields_are_refused(admin, method):
    with refused(INVALID, "UNKNOWN_FIELD", "1023"):
        admin.call_raw(f"/waymark.v1.MarkerService/{method}", UNKNOWN)


def test_unknown_atomicity(client, host):
    update = {"clear": {"destination": host}}
    with refused(INVALID, "UNKNOWN_FIELD", "atomicity"):
        client.apply(update, atomicity=7)
