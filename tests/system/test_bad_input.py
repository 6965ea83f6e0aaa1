# SPDX-License-Identifier: Apache-2.0
"""Requests that must be refused: the exact code, reason and field, and nothing changes."""

import random
import time

import pytest

from lib import pb
from lib.client import SERVICE, Refused

wm = pb.waymark
HOST = "2001:db8:dead::1"
INVALID = "INVALID_ARGUMENT"


@pytest.fixture(autouse=True)
def unchanged(client):
    """There are marks, and they are the same afterwards."""
    client.set(HOST, flow_label=1, dscp=2, cookie="first")
    client.set("2001:db8:dead::2", scitag={"experiment": "cms"}, owner="rucio")
    before = client.stats().header, client.marks(with_counters=True)
    yield
    assert (client.stats().header, client.marks(with_counters=True)) == before


def check_refused(call, code: str, reason: str, field: str) -> Refused:
    with pytest.raises(Refused) as caught:
        call()
    refused = caught.value
    assert (refused.code, refused.reason, refused.field) == (code, reason, field)
    assert refused.domain == "waymark"
    assert refused.message
    return refused


def mark(destination=HOST, **fields) -> wm.Mark:
    return wm.Mark(match=wm.Match(destination=destination), **fields)


# ---- values ----

DESTINATIONS = [
    ("", "MISSING_FIELD"),
    ("nonsense", "INVALID_ADDRESS"),
    ("2001:db8::g", "INVALID_ADDRESS"),
    ("2001:db8:::1", "INVALID_ADDRESS"),
    ("1:2:3:4:5:6:7", "INVALID_ADDRESS"),
    ("1:2:3:4:5:6:7:8:9", "INVALID_ADDRESS"),
    ("12345::", "INVALID_ADDRESS"),
    (" 2001:db8::1", "INVALID_ADDRESS"),
    ("2001:db8::1 ", "INVALID_ADDRESS"),
    ("[2001:db8::1]", "INVALID_ADDRESS"),
    ("2001:db8::/", "INVALID_ADDRESS"),
    ("2001:db8::/x", "INVALID_ADDRESS"),
    ("2001:db8::/-1", "INVALID_ADDRESS"),
    ("2001:db8::/129", "INVALID_ADDRESS"),
    ("2001:db8::/32/32", "INVALID_ADDRESS"),
    ("2001:db8::/4294967328", "INVALID_ADDRESS"),
    ("::", "INVALID_ADDRESS"),
    ("2001:db8::1" * 100, "INVALID_ADDRESS"),
    ("192.0.2.1", "IPV4_UNSUPPORTED"),
    ("192.0.2.0/24", "IPV4_UNSUPPORTED"),
    ("::ffff:192.0.2.1", "IPV4_UNSUPPORTED"),
    ("::ffff:c000:201", "IPV4_UNSUPPORTED"),
    ("::ffff:192.0.2.0/120", "IPV4_UNSUPPORTED"),
    ("fe80::1%eth0", "ZONE_UNSUPPORTED"),
    ("fe80::1%1", "ZONE_UNSUPPORTED"),
    ("2001:db8::1/64", "HOST_BITS"),
    ("2001:db8::/16", "HOST_BITS"),
    ("::1/0", "HOST_BITS"),
]


@pytest.mark.parametrize(("destination", "reason"), DESTINATIONS)
def test_destination(client, destination, reason):
    check_refused(
        lambda: client.set(destination, flow_label=1),
        *(INVALID, reason, "mark.match.destination"),
    )
    for call in (client.clear, client.get):
        check_refused(lambda: call(destination), INVALID, reason, "match.destination")


def test_host_bits_name_the_right_prefix(client):
    refused = check_refused(
        lambda: client.set("2001:db8::1/64", flow_label=1),
        *(INVALID, "HOST_BITS", "mark.match.destination"),
    )
    assert "2001:db8::/64" in refused.message


TCP = {"destination": HOST, "protocol": "PROTOCOL_TCP"}
MATCHES = [
    ({**TCP}, "MISSING_FIELD", "destination_port"),
    ({"destination": HOST, "destination_port": 1}, "MISSING_FIELD", "protocol"),
    ({**TCP, "destination_port": 65536}, "OUT_OF_RANGE", "destination_port"),
    ({**TCP, "destination_port": 1, "source": "::1"}, "MISSING_FIELD", "source_port"),
    ({**TCP, "destination_port": 1, "source_port": 1}, "MISSING_FIELD", "source"),
    (
        {**TCP, "destination_port": 1, "source_port": 65536, "source": "2001:db8::1"},
        "OUT_OF_RANGE",
        "source_port",
    ),
    (
        {**TCP, "destination_port": 1, "source_port": 1, "source": "ff02::1"},
        "INVALID_ADDRESS",
        "source",
    ),
    (
        {**TCP, "destination_port": 1, "source_port": 1, "source": "::"},
        "INVALID_ADDRESS",
        "source",
    ),
    (
        {**TCP, "destination_port": 1, "source_port": 1, "source": "192.0.2.1"},
        "IPV4_UNSUPPORTED",
        "source",
    ),
]


@pytest.mark.parametrize(("match", "reason", "field"), MATCHES)
def test_match(client, match, reason, field):
    request = wm.SetMarkRequest(mark=wm.Mark(match=wm.Match(**match), flow_label=1))
    check_refused(
        lambda: client.call("SetMark", request), INVALID, reason, f"mark.match.{field}"
    )


ACTIONS = [
    ({}, "MISSING_FIELD", "label"),
    ({"cookie": "only"}, "MISSING_FIELD", "label"),
    ({"flow_label": 0x100000}, "OUT_OF_RANGE", "flow_label"),
    ({"flow_label": 0xFFFFFFFF}, "OUT_OF_RANGE", "flow_label"),
    ({"dscp": 64}, "OUT_OF_RANGE", "dscp"),
    ({"flow_label": 1, "dscp": 0xFFFFFFFF}, "OUT_OF_RANGE", "dscp"),
    ({"scitag": {}}, "MISSING_FIELD", "scitag.experiment_id"),
    ({"scitag": {"activity_id": 1}}, "MISSING_FIELD", "scitag.experiment_id"),
    ({"scitag": {"experiment_id": 512}}, "OUT_OF_RANGE", "scitag.experiment_id"),
    (
        {"scitag": {"experiment_id": 3, "activity_id": 64}},
        "OUT_OF_RANGE",
        "scitag.activity_id",
    ),
    ({"scitag": {"experiment": "cmss"}}, "UNKNOWN_NAME", "scitag.experiment"),
    ({"scitag": {"experiment": "cms "}}, "UNKNOWN_NAME", "scitag.experiment"),
    (
        {"scitag": {"experiment": "cms", "activity": "AnalysisInput"}},
        "UNKNOWN_NAME",
        "scitag.activity",
    ),
    (
        {"scitag": {"experiment_id": 511, "activity": "Cache"}},
        "UNKNOWN_NAME",
        "scitag.activity",
    ),
    (
        {"scitag": {"experiment_id": 2, "experiment": "cms"}},
        "CONFLICT",
        "scitag.experiment",
    ),
    (
        {"scitag": {"experiment_id": 3, "activity_id": 1, "activity": "Analysis Input"}},
        "CONFLICT",
        "scitag.activity",
    ),
    ({"flow_label": 1, "cookie": "x" * 129}, "OUT_OF_RANGE", "cookie"),
    ({"flow_label": 1, "cookie": "\N{EURO SIGN}" * 43}, "OUT_OF_RANGE", "cookie"),
]


@pytest.mark.parametrize(("fields", "reason", "field"), ACTIONS)
def test_action(client, fields, reason, field):
    request = wm.SetMarkRequest(mark=mark(**fields))
    check_refused(lambda: client.call("SetMark", request), INVALID, reason, f"mark.{field}")


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("SetMark", wm.SetMarkRequest(), "mark"),
        ("SetMark", wm.SetMarkRequest(mark=wm.Mark(flow_label=1)), "mark.match"),
        ("ClearMark", wm.ClearMarkRequest(), "match"),
        ("GetMark", wm.GetMarkRequest(), "match"),
    ],
)
def test_missing(client, method, request_, field):
    check_refused(lambda: client.call(method, request_), INVALID, "MISSING_FIELD", field)


@pytest.mark.parametrize(
    ("request_", "reason", "field"),
    [
        ({"filter": {"destination_prefix": "x"}}, "INVALID_ADDRESS", "filter.destination_prefix"),
        (
            {"filter": {"destination_prefix": "2001:db8::1/32"}},
            "HOST_BITS",
            "filter.destination_prefix",
        ),
        ({"filter": {"kinds": [0]}}, "OUT_OF_RANGE", "filter.kinds"),
        ({"filter": {"kinds": [3, 99]}}, "UNKNOWN_FIELD", "filter.kinds[1]"),
        ({"flow_label": 0x100000}, "OUT_OF_RANGE", "flow_label"),
        ({"scitag": {"experiment": "cmss"}}, "UNKNOWN_NAME", "scitag.experiment"),
        ({"cookie": "x" * 129}, "OUT_OF_RANGE", "cookie"),
        ({"page_token": "x"}, "PAGE_TOKEN", "page_token"),
        ({"page_token": "x" * 1000}, "PAGE_TOKEN", "page_token"),
    ],
)
def test_list(client, request_, reason, field):
    request = wm.ListMarksRequest(**request_)
    check_refused(lambda: client.call("ListMarks", request), INVALID, reason, field)


# ---- bytes that no client made from our contract ----


def varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def inside(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


DESTINATION = inside(1, HOST.encode())
LABEL = number(2, 7)


def set_request(match: bytes = DESTINATION, action: bytes = LABEL, rest: bytes = b"") -> bytes:
    return inside(1, inside(1, match) + action) + rest


RAW = [
    ("field of the request", set_request(rest=number(99, 1)), "UNKNOWN_FIELD", "99"),
    ("bytes field", set_request(rest=inside(99, b"x")), "UNKNOWN_FIELD", "99"),
    ("field of the mark", set_request(action=LABEL + number(99, 1)), "UNKNOWN_FIELD", "mark.99"),
    (
        "field of the match",
        set_request(match=DESTINATION + number(99, 1)),
        "UNKNOWN_FIELD",
        "mark.match.99",
    ),
    (
        "enum value",
        set_request(match=DESTINATION + number(3, 7)),
        "UNKNOWN_FIELD",
        "mark.match.protocol",
    ),
    ("NUL", set_request(match=inside(1, b"::1\0")), "INVALID_TEXT", "mark.match.destination"),
    (
        "NUL in the cookie",
        set_request(action=LABEL + inside(7, b"a\0b")),
        "INVALID_TEXT",
        "mark.cookie",
    ),
    (
        "broken UTF-8",
        set_request(action=LABEL + inside(7, b"\xff\xfe")),
        "INVALID_TEXT",
        "mark.cookie",
    ),
    (
        "overlong UTF-8",
        set_request(action=LABEL + inside(7, b"\xc0\xaf")),
        "INVALID_TEXT",
        "mark.cookie",
    ),
    (
        "UTF-8 surrogate",
        set_request(action=LABEL + inside(7, b"\xed\xa0\x80")),
        "INVALID_TEXT",
        "mark.cookie",
    ),
    ("garbage", b"\xff" * 32, "MALFORMED", ""),
    ("length beyond the end", b"\x0a\x7f\x00", "MALFORMED", ""),
    ("truncated varint", b"\x08\x80", "MALFORMED", ""),
    ("field number 0", b"\x00\x00", "MALFORMED", ""),
    ("group", b"\x0b\x0c", "MALFORMED", ""),
    ("wrong wire type", number(1, 5), "MALFORMED", "mark"),
]


@pytest.mark.parametrize(
    ("request_", "reason", "field"), [case[1:] for case in RAW], ids=[case[0] for case in RAW]
)
def test_bytes(client, request_, reason, field):
    check_refused(
        lambda: client.call_raw(f"/{SERVICE}/SetMark", request_), INVALID, reason, field
    )


def test_the_raw_request_is_a_good_one_otherwise(client):
    """The cases above must fail for what they say, not for how they are built."""
    assert set_request() == wm.SetMarkRequest(mark=mark(flow_label=7)).SerializeToString()


@pytest.mark.parametrize("seed", range(5))
def test_random_bytes(client, seed):
    # Begins with a length beyond the end, so that no seed can happen to be a request.
    junk = b"\x0a\xff\xff\xff\xff\x0f" + random.Random(seed).randbytes(4000)
    with pytest.raises(Refused) as caught:
        client.call_raw(f"/{SERVICE}/SetMark", junk)
    assert caught.value.code == INVALID


def test_message_over_four_mebibytes(client):
    huge = wm.SetMarkRequest(mark=mark(flow_label=1, cookie="x" * (4 << 20)))
    with pytest.raises(Refused) as caught:
        client.call("SetMark", huge)
    assert caught.value.code == "RESOURCE_EXHAUSTED"
    assert str(4 << 20) in caught.value.message


def test_large_message_below_the_limit_is_read(client):
    large = wm.SetMarkRequest(mark=mark(flow_label=1, cookie="x" * ((4 << 20) - 1000)))
    check_refused(
        lambda: client.call("SetMark", large), INVALID, "OUT_OF_RANGE", "mark.cookie"
    )


@pytest.mark.parametrize(
    "path",
    [
        f"/{SERVICE}/NoSuchMethod",
        f"/{SERVICE}/",
        "/no.such.Service/SetMark",
        "/waymark.v1.MarkerService/setmark",
    ],
)
def test_unknown_method_is_refused_at_once(client, path):
    start = time.monotonic()
    with pytest.raises(Refused) as caught:
        client.call_raw(path, b"")
    assert caught.value.code == "UNIMPLEMENTED"
    assert time.monotonic() - start < 1, "it waited for something"
