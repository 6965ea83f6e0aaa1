# SPDX-License-Identifier: Apache-2.0
"""Watches of a real agent where the contract suite does not go: restarts, a short history, readers that do not read, crowds."""

import contextlib

import grpc
import pytest

from lib import pb
from lib.client import Client
from lib.refused import refused
from lib.watch import Watch, dump, resume, state, tell

wm = pb.waymark
CROWD = 1000
STREAMS = 90  # on a connection, which has 100 at most


def fill(client, hosts: list, label: int, cookie: str = "") -> int:
    """Sets a mark on each, in one batch; answers the revision."""
    updates = [
        {"set": {"match": {"destination": str(host)}, "flow_label": label, "cookie": cookie}}
        for host in hosts
    ]
    answer = client.apply(*updates, only_failures=True)
    assert answer.failed == 0
    return answer.header.revision


def empty(client, hosts: list) -> int:
    updates = [{"clear": {"destination": str(host)}} for host in hosts]
    return client.apply(*updates, only_failures=True).header.revision


@pytest.fixture
def hosts(network):
    return [network.new_destination() for _ in range(5)]


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_resuming_at_the_next_agent(start_pinned, hosts, how):
    agent = start_pinned()
    with Client(agent.target) as client:
        client.wait_serving()
        fill(client, hosts, label=1)
        with Watch(client) as seen:
            header = seen.wait_synced().header
            assert len(seen.fold) == len(hosts)
        fill(client, hosts[:1], label=2)
        client.clear(hosts[1])
    agent.kill() if how == "kill" else agent.stop()

    with Client(start_pinned().target) as client:
        client.wait_serving()
        with Watch(client, **resume(header)) as again:
            again.wait_synced()
            assert tell(again.events) == [(str(hosts[0]), 2), (str(hosts[1]), -1)]
            assert again.header.state_id == header.state_id
            assert again.header.instance_id != header.instance_id


def test_a_new_state_cannot_be_resumed(start_agent, elsewhere, hosts):
    """The second agent begins with an empty folder."""
    first = start_agent(interface="lo", space=elsewhere)
    with Client(first.target) as client:
        old = client.wait_serving().set(hosts[0], flow_label=1).header
    first.stop()
    with Client(start_agent(interface="lo", space=elsewhere).target) as client:
        client.wait_serving().set(hosts[0], flow_label=1)
        with refused("OUT_OF_RANGE", "STATE_CHANGED"), Watch(client, **resume(old)) as seen:
            raise seen.wait_end()


def test_a_short_history(start_agent, elsewhere, hosts):
    """What is kept bounds what can be resumed, never what is there."""
    agent = start_agent("--history", "100", interface="lo", space=elsewhere)
    with Client(agent.target) as client:
        client.wait_serving()
        fill(client, hosts, label=1)
        header = client.clear(hosts[0]).header
        label = 1
        while client.stats().compact_revision <= header.revision:
            label += 1
            fill(client, hosts[1:] * 100, label=label % 2)
        with refused("OUT_OF_RANGE", "COMPACTED"), Watch(client, **resume(header)) as seen:
            raise seen.wait_end()
        seen = dump(client)
        assert seen.fold == state(client.marks())
        assert seen.compact_revision >= header.revision
        with Watch(client, **resume(seen.header)) as again:
            again.wait_synced()
            assert again.events == []


def test_until_synced_equals_a_listing(client, network):
    """Of several messages, while nothing else happens."""
    hosts = [network.new_destination() for _ in range(3000)]
    fill(client, hosts, label=7)
    empty(client, hosts[::3])
    seen = dump(client)
    assert seen.fold == state(client.marks())
    assert len(seen.fold) == 2000
    assert seen.kinds.count("events") > 1


def test_who_does_not_read_misses_no_removal(agent, client, network):
    """It takes nothing while megabytes of changes come; then it gets what counts."""
    hosts = [network.new_destination() for _ in range(2000)]
    cookie = "x" * 128
    with Client(agent.target) as lazy:
        call = lazy.wait_serving().start_stream("WatchMarks", wm.WatchMarksRequest())
        assert next(call).WhichOneof("content") == "created"
        fill(client, hosts, label=1)
        for label in range(2, 12):
            fill(client, hosts, label=label, cookie=cookie)
        empty(client, hosts[::2])
        head = fill(client, hosts[1::2], label=99)

        removed, labels, last = set(), {}, 0
        for message in call:
            for event in message.events.events:
                assert event.mark.revision > last
                last = event.mark.revision
                if event.type == wm.MarkEvent.TYPE_REMOVED:
                    removed.add(event.mark.match.destination)
                else:
                    labels[event.mark.match.destination] = event.mark.flow_label
            if message.header.revision >= head:
                break
        call.cancel()
    assert removed == {str(host) for host in hosts[::2]}
    assert all(labels[str(host)] == 99 for host in hosts[1::2])


def test_a_crowd(start_agent, elsewhere, network):
    """All see the same; those that leave leave nothing: or the agent would not end."""
    agent = start_agent(interface="lo", space=elsewhere)
    host = network.new_destination()
    with contextlib.ExitStack() as connections:
        clients = [
            connections.enter_context(Client(agent.target)) for _ in range(-(-CROWD // STREAMS))
        ]
        clients[0].wait_serving()
        calls = [
            clients[i % len(clients)].start_stream("WatchMarks", wm.WatchMarksRequest())
            for i in range(CROWD)
        ]
        for call in calls:
            kinds = [next(call).WhichOneof("content") for _ in range(2)]
            assert kinds == ["created", "synced"]
        for call in calls[::2]:
            call.cancel()
        revision = clients[0].set(host, flow_label=5).header.revision
        for call in calls[1::2]:
            message = next(call)
            assert message.header.revision == revision
            (event,) = message.events.events
            assert event.mark.match.destination == str(host)
        agent.stop()
        for call in calls[1::2]:
            with pytest.raises(grpc.RpcError) as ended:
                next(call)
            assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
