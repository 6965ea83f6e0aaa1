# SPDX-License-Identifier: Apache-2.0
"""ReplaceMarks: the declared set, the whole of it or nothing (decision 17)."""

import queue

import grpc
import pytest

from lib import pb
from lib.client import Client, refusal
from lib.refused import refused
from lib.watch import Watch, state

wm = pb.waymark
ALL = wm.ATOMICITY_ALL_OR_NOTHING


def mark(host, label: int = 1, **fields) -> dict:
    return {"match": {"destination": str(host)}, "flow_label": label, **fields}


def counts(answer) -> tuple[int, ...]:
    return (answer.created, answer.updated, answer.unchanged, answer.removed, answer.failed)


# ---- the difference ----


def test_only_the_difference_is_applied(client, admin, prefix, hosts, listed):
    same, changed, gone, new = hosts(4)
    for host in (same, changed, gone):
        client.set(host, flow_label=1)
    kept = client.get(same)
    with Watch(admin, filter={"destination_prefix": str(prefix)}, updates_only=True) as watch:
        watch.wait_synced()
        answer = client.replace([mark(same), mark(changed, 2), mark(new)])
        watch.wait_revision(answer.header.revision)
        events = [(event.mark.match.destination, event.removed) for event in watch.events]
    assert counts(answer) == (1, 1, 1, 1, 0)
    assert events == [(changed, False), (new, False), (gone, True)]
    assert [event.reason for event in watch.events][-1] == wm.REMOVAL_REASON_REPLACED
    assert client.get(same) == kept
    assert {m.match.destination: m.flow_label for m in listed()} == {same: 1, changed: 2, new: 1}
    assert answer.header.revision == kept.revision + 2 + 3


def test_repeating_it_changes_nothing(client, hosts):
    marks = [mark(host) for host in hosts(5)]
    first = client.replace(marks)
    again = client.replace(marks)
    assert (counts(first), counts(again)) == ((5, 0, 0, 0, 0), (0, 0, 5, 0, 0))
    assert again.header.revision == first.header.revision


def test_other_owners_marks_stay(client, other, hosts, listed):
    mine, theirs = hosts(2)
    client.set(mine, flow_label=1)
    other.set(theirs, flow_label=1)
    assert client.replace([], allow_empty=True).removed == 1
    assert [found.match.destination for found in listed()] == [theirs]


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_chunks_are_of_any_size(client, hosts, listed, chunk):
    addresses = hosts(20)
    answer = client.replace([mark(host) for host in addresses], chunk=chunk)
    assert answer.created == 20
    assert {found.match.destination for found in listed()} == set(addresses)


def test_empty_chunks_count_nothing(client, host):
    answer = client.replace_by(
        {"begin": {"options": client.options()}},
        {"chunk": {}},
        {"chunk": {"marks": [mark(host)]}},
        {"chunk": {}},
        {"commit": {"mark_count": 1}},
    )
    assert answer.created == 1


def test_a_hundred_thousand_marks(client, prefix, listed):
    addresses = [str(prefix[number]) for number in range(1, 100_001)]
    answer = client.replace((mark(host) for host in addresses), chunk=10_000)
    assert counts(answer) == (100_000, 0, 0, 0, 0)
    answer = client.replace((mark(host) for host in addresses[:10]), chunk=10_000)
    assert counts(answer) == (0, 0, 10, 99_990, 0)
    assert len(listed()) == 10


def test_equal_ttls_are_renewed(client, host):
    before = client.set(host, flow_label=1, ttl={"seconds": 600}).mark
    assert client.replace([mark(host, ttl={"seconds": 600})]).unchanged == 1
    after = client.get(host)
    assert after.revision == before.revision
    assert after.expire_time.ToNanoseconds() > before.expire_time.ToNanoseconds()


# ---- refused as a whole ----


@pytest.fixture
def unchanged(client, host, listed):
    """One mark is there, and it is all there is afterwards."""
    client.set(host, flow_label=7)
    before = listed(with_counters=True), client.stats().header.revision
    yield
    assert (listed(with_counters=True), client.stats().header.revision) == before


@pytest.mark.parametrize("said", [0, 1, 3, 1 << 63])
def test_the_count_must_be_right(unchanged, client, hosts, said):
    with refused("INVALID_ARGUMENT", "PROTOCOL", "commit.mark_count"):
        client.replace_by(
            {"begin": {"options": client.options()}},
            {"chunk": {"marks": [mark(host) for host in hosts(2)]}},
            {"commit": {"mark_count": said}},
        )


def test_an_empty_set_must_be_allowed(unchanged, client):
    with refused("INVALID_ARGUMENT", "MISSING_FIELD", "begin.allow_empty"):
        client.replace([])


def test_a_repeated_match(unchanged, client, hosts):
    a, b = hosts(2)
    again = str(a).replace("::", ":0::")  # the same address, spelled otherwise
    with refused("INVALID_ARGUMENT", "REPEATED_MATCH", "chunk.marks[0].match"):
        client.replace([mark(a), mark(b), mark(again, 2)], chunk=2)


@pytest.mark.parametrize(
    ("match", "reason", "field"),
    [
        ({"destination": "192.0.2.1"}, "IPV4_UNSUPPORTED", "match.destination"),
        ({"destination": "nonsense"}, "INVALID_ADDRESS", "match.destination"),
        ({"destination": "2001:db8::1", "source_port": 1}, "MISSING_FIELD", "match.source"),
        ({}, "MISSING_FIELD", "match.destination"),
    ],
)
def test_a_malformed_match(unchanged, client, hosts, match, reason, field):
    (a,) = hosts(1)
    with refused("INVALID_ARGUMENT", reason, f"chunk.marks[1].{field}"):
        client.replace([mark(a), {"match": match, "flow_label": 1}])


@pytest.mark.parametrize("atomicity", [0, ALL])
def test_a_change_since_if_owner_revision(client, hosts, listed, atomicity):
    a, b, c = hosts(3)
    revision = client.set(a, flow_label=1).header.revision
    client.set(b, flow_label=1)
    before = listed()
    with refused("ABORTED", "REVISION_MISMATCH", "begin.if_owner_revision"):
        client.replace([mark(c)], if_owner_revision=revision, atomicity=atomicity)
    assert listed() == before
    head = client.stats().header.revision
    assert client.replace([mark(c)], if_owner_revision=head, atomicity=atomicity).removed == 2


def test_a_removal_since_if_owner_revision(client, hosts, listed):
    a, b = hosts(2)
    client.set(a, flow_label=1)
    revision = client.set(b, flow_label=1).header.revision
    client.clear(b)
    before = listed()
    with refused("ABORTED", "REVISION_MISMATCH", "begin.if_owner_revision"):
        client.replace([mark(b)], if_owner_revision=revision)
    assert listed() == before


def test_other_owners_changes_do_not_matter(client, other, hosts):
    a, b = hosts(2)
    revision = client.set(a, flow_label=1).header.revision
    other.set(b, flow_label=1)
    assert client.replace([mark(a, 2)], if_owner_revision=revision).updated == 1


# ---- items that cannot be had ----

BAD = [
    (mark("2001:db8::1", 1 << 20), 3, "OUT_OF_RANGE", "flow_label"),
    (mark("2001:db8::1", lease_id=1 << 60), 5, "LEASE", "lease_id"),
    ({"match": {"destination": "2001:db8::1"}}, 3, "MISSING_FIELD", "label"),
    (mark("2001:db8::1", cookie="c" * 129), 3, "OUT_OF_RANGE", "cookie"),
]
CODES = {3: "INVALID_ARGUMENT", 5: "NOT_FOUND"}


@pytest.mark.parametrize(("bad", "code", "reason", "field"), BAD)
def test_a_bad_mark_keeps_the_one_that_is_there(client, hosts, bad, code, reason, field):
    a, there = hosts(2)
    before = client.set(there, flow_label=7).mark
    bad = bad | {"match": {"destination": there}}
    answer = client.replace([mark(a), bad])
    assert counts(answer) == (1, 0, 0, 0, 1)
    (failure,) = answer.failures
    assert (failure.index, failure.outcome) == (1, wm.OUTCOME_UNSPECIFIED)
    assert (failure.error.code, failure.error.reason) == (code, reason)
    assert failure.error.field == field and failure.error.message
    assert client.get(there) == before


@pytest.mark.parametrize(("bad", "code", "reason", "field"), BAD)
def test_a_bad_mark_fails_all_or_nothing(unchanged, client, hosts, bad, code, reason, field):
    a, b = hosts(2)
    bad = bad | {"match": {"destination": b}}
    with refused(CODES[code], reason, f"marks[1].{field}"):
        client.replace([mark(a), bad], atomicity=ALL)


def test_a_mark_of_another_owner_is_a_failure(client, other, hosts):
    a, b = hosts(2)
    theirs = other.set(b, flow_label=5).mark
    answer = client.replace([mark(a), mark(b)])
    assert counts(answer) == (1, 0, 0, 0, 1)
    assert answer.failures[0].error.reason == "NOT_OWNER"
    assert client.get(b) == theirs
    with refused("PERMISSION_DENIED", "NOT_OWNER", "marks[1]"):
        client.replace([mark(a, 2), mark(b)], atomicity=ALL)
    assert client.get(a).flow_label == 1


def test_the_first_hundred_failures_are_told(client, hosts):
    answer = client.replace([mark(host, 1 << 20) for host in hosts(150)])
    assert answer.failed == 150
    assert [failure.index for failure in answer.failures] == list(range(100))


# ---- streams that go another way ----


class Upload:
    """A ReplaceMarks stream whose messages are sent one by one."""

    def __init__(self, client):
        self._steps = queue.Queue()
        self._written = queue.Queue()
        self.call = client.start_upload("ReplaceMarks", self._requests())

    def _requests(self):
        while (step := self._steps.get()) is not None:
            yield step
            self._written.put(step)  # the next one is asked for when this one is on its way

    def send(self, **step) -> None:
        self._steps.put(wm.ReplaceMarksRequest(**step))
        self._written.get(timeout=10)

    def half_close(self) -> None:
        self._steps.put(None)

    def result(self):
        try:
            return self.call.result()
        except grpc.RpcError as error:
            raise refusal(error) from None


def complete(client, hosts) -> list[dict]:
    return [
        {"begin": {"options": client.options()}},
        {"chunk": {"marks": [mark(host) for host in hosts(3)]}},
        {"commit": {"mark_count": 3}},
    ]


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_stream_that_dies_leaves_no_trace(unchanged, agent, pytestconfig, client, hosts, length):
    """Cut off after each message, even after the commit: only the half-close decides."""
    with Client(agent.target, pytestconfig.tls) as dying:
        upload = Upload(dying)
        for step in complete(client, hosts)[:length]:
            upload.send(**step)
        dying.stats()  # came after them on the same connection
        upload.call.cancel()
        upload.half_close()


@pytest.mark.parametrize("length", [0, 1, 2])
def test_a_half_close_without_a_commit(unchanged, client, hosts, length):
    with refused("INVALID_ARGUMENT", "PROTOCOL", "commit"):
        client.replace_by(*complete(client, hosts)[:length])


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ([1], "chunk"),
        ([2], "commit"),
        ([0, 0, 1, 2], "begin"),
        ([0, 1, 2, 2], "commit"),
        ([0, 1, 2, 1], "chunk"),
        ([0, 1, 2, 0], "begin"),
    ],
)
def test_an_order_that_makes_no_sense(unchanged, client, hosts, order, field):
    steps = complete(client, hosts)
    with refused("INVALID_ARGUMENT", "PROTOCOL", field):
        client.replace_by(*(steps[number] for number in order))


def test_an_empty_message(unchanged, client, hosts):
    with refused("INVALID_ARGUMENT", "MISSING_FIELD", "step"):
        client.replace_by(complete(client, hosts)[0], {})


def test_unknown_fields_are_refused_in_every_message(unchanged, client, hosts):
    begin, chunk, _ = complete(client, hosts)
    newer = wm.ReplaceMarksRequest(**chunk).SerializeToString() + b"\xf8\x3f\x01"
    requests = [wm.ReplaceMarksRequest(**begin), wm.ReplaceMarksRequest.FromString(newer)]
    with refused("INVALID_ARGUMENT", "UNKNOWN_FIELD", "1023"):
        try:
            client.start_upload("ReplaceMarks", iter(requests)).result()
        except grpc.RpcError as error:
            raise refusal(error) from None


def test_thirty_seconds_of_silence(unchanged, client, hosts):
    upload = Upload(client)
    for step in complete(client, hosts)[:2]:
        upload.send(**step)
    with refused("ABORTED", "IDLE"):
        upload.result()
    upload.half_close()


def test_what_a_replace_declares_is_what_is_there(client, admin, prefix, hosts, listed):
    """Against the state that a watch tells, after one replace upon the other."""
    addresses = hosts(30)
    with Watch(admin, filter={"destination_prefix": str(prefix)}) as watch:
        for step in range(10):
            chosen = addresses[step : 3 * step + 3]
            answer = client.replace([mark(host, step % 3) for host in chosen])
            assert {found.match.destination for found in listed()} == set(chosen)
        assert watch.wait_synced().wait_revision(answer.header.revision).fold == state(listed())
