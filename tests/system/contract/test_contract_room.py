# SPDX-License-Identifier: Apache-2.0
"""A table that fills: what does not fit, and what is put back (decisions 16, 17, 18, 21)."""

import pytest

from lib import pb
from lib.client import Client
from lib.maps import Maps
from lib.refused import refused
from lib.send import UdpSender
from lib.watch import state

wm = pb.waymark
ALL = wm.ATOMICITY_ALL_OR_NOTHING
CREATED, UPDATED, UNCHANGED = wm.OUTCOME_CREATED, wm.OUTCOME_UPDATED, wm.OUTCOME_UNCHANGED
REMOVED, FAILED = wm.OUTCOME_REMOVED, wm.OUTCOME_UNSPECIFIED
CAPACITY = 64
ONLY = {"validate_only": True}


def mark(host, label: int = 1, **fields) -> dict:
    return {"match": {"destination": str(host)}, "flow_label": label, **fields}


def put(host, label: int = 1, **fields) -> dict:
    return {"set": mark(host, label, **fields)}


def take(host) -> dict:
    return {"clear": {"destination": str(host)}}


def outcomes(answer) -> list[int]:
    return [result.outcome for result in answer.results]


def counts(answer) -> tuple[int, ...]:
    return (answer.created, answer.updated, answer.unchanged, answer.removed, answer.failed)


@pytest.fixture
def small(start_pinned, directory):
    """An agent with room for CAPACITY exact marks, one of which is there."""
    config = directory / "small.yaml"
    config.write_text(f"capacity: {{marks: {CAPACITY}, networks: 16}}\n", encoding="ascii")
    with start_pinned("--config", str(config)) as agent, Client(agent.target) as client:
        yield client


@pytest.fixture
def maps(small, pin_dir):
    return Maps(pin_dir)


def room(client) -> int:
    (table,) = [table for table in client.stats().tables if table.kind == wm.KIND_HOST]
    return table.capacity - table.used


def test_a_full_table_costs_only_what_does_not_fit(small, hosts, maps):
    fits = room(small)
    answer = small.apply(*map(put, hosts(fits + 3)))
    assert outcomes(answer) == [CREATED] * fits + [FAILED] * 3
    assert {result.error.reason for result in answer.results[fits:]} == {"TABLE_FULL"}
    assert {result.error.code for result in answer.results[fits:]} == {8}
    assert len(maps.matches()) == len(small.marks()) == fits


def test_a_full_table_refuses_a_single_mark(small, hosts):
    host, *more = hosts(room(small))
    small.apply(*map(put, (host, *more)))
    before = small.marks()
    with refused("RESOURCE_EXHAUSTED", "TABLE_FULL"):
        small.set(hosts(1)[0], flow_label=1)
    assert small.marks() == before
    assert small.set(host, flow_label=2).outcome == UPDATED  # what is there can be changed
    assert small.clear(host).outcome == REMOVED
    assert small.set(hosts(1)[0], flow_label=1).outcome == CREATED


def test_rollback_when_the_table_fills_half_way(
    small, maps, hosts, network, capture, destination
):
    """Nothing of the batch is left: neither in lists nor in the kernel's maps nor on the wire."""
    a, b = hosts(2)
    small.apply(put(a, 1), put(b, 2, ttl={"seconds": 600}), put(destination, 0x111))
    before = state(small.marks()), small.stats().header, maps.contents()
    batch = [put(a, 9), take(b), put(destination, 0x222), *map(put, hosts(room(small) + 2))]
    with refused("RESOURCE_EXHAUSTED", "TABLE_FULL", f"updates[{len(batch) - 1}]") as found:
        small.apply(*batch, atomicity=ALL)
    assert found.error.message
    assert (state(small.marks()), small.stats().header, maps.contents()) == before
    with UdpSender(network.node, destination, auto_label=False) as sender:
        sender.send(b"x")
        (packet,) = capture.wait(1, lambda packet: packet.destination == destination)
    assert packet.flow_label == 0x111
    assert small.clear(b).outcome == REMOVED


def test_a_batch_may_fill_what_it_clears(small, hosts):
    full = hosts(room(small))
    small.apply(*map(put, full))
    fresh = hosts(len(full))
    answer = small.apply(*map(take, full), *map(put, fresh), atomicity=ALL)
    assert outcomes(answer) == [REMOVED] * len(full) + [CREATED] * len(full)
    assert {mark.match.destination for mark in small.marks()} == set(fresh)


def test_networks_have_a_table_of_their_own(small, prefix, hosts):
    networks = [str(network) for network in list(prefix.subnets(new_prefix=70))[:17]]
    small.apply(*map(put, hosts(room(small))))
    answer = small.apply(*map(put, networks))
    assert outcomes(answer) == [CREATED] * 16 + [FAILED]


def test_removals_make_room_where_a_table_lacks_it(small, hosts):
    (table,) = [table for table in small.stats().tables if table.kind == wm.KIND_HOST]
    small.replace([mark(host) for host in hosts(table.capacity)])
    fresh = hosts(table.capacity)
    for atomicity in (0, ALL):
        answer = small.replace([mark(host) for host in fresh], atomicity=atomicity)
        assert answer.failed == 0
    assert {found.match.destination for found in small.marks()} == set(fresh)


def test_what_does_not_fit_fails(small, maps, hosts):
    (table,) = [table for table in small.stats().tables if table.kind == wm.KIND_HOST]
    there = hosts(3)
    small.replace([mark(host, 9) for host in there])
    before = small.marks(), maps.contents()
    too_many = [mark(host) for host in there + hosts(table.capacity)]
    with refused("RESOURCE_EXHAUSTED", "TABLE_FULL", f"marks[{table.capacity}]"):
        small.replace(too_many, atomicity=ALL)
    assert (small.marks(), maps.contents()) == before
    answer = small.replace(too_many)
    assert counts(answer) == (table.capacity - 3, 3, 0, 0, 3)
    assert {failure.error.reason for failure in answer.failures} == {"TABLE_FULL"}


def test_validate_only_leaves_the_maps_alone(small, maps, hosts):
    a, *more = hosts(CAPACITY + 1)
    small.set(a, flow_label=1)
    before = maps.contents()
    small.set(a, flow_label=2, options=ONLY)
    small.clear(a, options=ONLY)
    small.set(more[0], flow_label=1, options=ONLY)
    with refused("RESOURCE_EXHAUSTED", "TABLE_FULL", f"updates[{CAPACITY - 1}]"):
        small.apply(*map(put, more), atomicity=ALL, options=ONLY)
    answer = small.apply(*map(put, more), options=ONLY)
    assert outcomes(answer) == [CREATED] * (CAPACITY - 1) + [FAILED]
    small.replace(map(mark, more[:3]), options=ONLY)
    assert maps.contents() == before
