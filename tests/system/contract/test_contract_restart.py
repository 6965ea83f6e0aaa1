# SPDX-License-Identifier: Apache-2.0
"""What outlives the agent, whether it ends well or not (decisions 10, 15, 25, 28)."""

import pytest

from lib import pb
from lib.client import Client
from lib.refused import refused
from lib.watch import Watch, resume, tell

wm = pb.waymark
SECOND = 1_000_000_000


def test_a_restart_keeps_state_and_revisions_but_not_the_instance(start_pinned, host):
    headers = []
    for _ in range(2):
        with start_pinned() as agent, Client(agent.target) as client:
            headers.append(client.set(host, flow_label=len(headers) + 1).header)
    first, second = headers
    assert (first.revision, second.revision) == (1, 2)
    assert first.state_id == second.state_id and first.instance_id != second.instance_id


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_an_election_is_durable(start_pinned, host, end):
    options = {"election_id": 8}
    with start_pinned() as agent:
        with Client(agent.target) as client:
            client.set(host, flow_label=1, options=options)
            with refused("INVALID_ARGUMENT", "IPV4_UNSUPPORTED", "mark.match.destination"):
                client.set("192.0.2.1", flow_label=1, options={"election_id": 11})
            with refused("ABORTED", "REVISION_MISMATCH", "precondition.if_revision"):
                client.set(
                    host, flow_label=2, precondition={"if_revision": 99}, options={"election_id": 9}
                )
        getattr(agent, end)()
    with start_pinned() as agent, Client(agent.target) as client:
        # What is refused before its turn has shown nothing; what fails at its turn has.
        assert client.stats().caller.highest_election_id == 9
        with refused("FAILED_PRECONDITION", "NOT_PRIMARY", "options.election_id"):
            client.set(host, flow_label=1, options=options)
        client.clear(host, options={"election_id": 9})


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_ids_are_never_used_again(start_pinned, end):
    seen = []
    for _ in range(3):
        with start_pinned() as agent:
            with Client(agent.target) as client:
                for _ in range(3):
                    seen.append(client.grant(600).lease_id)
                client.revoke(seen[-1])
                client.set("2001:db8::1", flow_label=1, ttl={"seconds": 600})
                client.clear("2001:db8::1")
            getattr(agent, end)()
    assert seen == sorted(set(seen))


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_leases_outlive_the_agent(start_pinned, hosts, end):
    with start_pinned() as agent:
        with Client(agent.target) as client:
            lease = client.grant(600)
            for host in hosts(3):
                client.set(host, flow_label=1, lease_id=lease.lease_id)
            marks = client.marks()
        getattr(agent, end)()
    with start_pinned() as agent, Client(agent.target) as client:
        (found,) = client.leases()
        assert (found.lease_id, found.mark_count) == (lease.lease_id, 3)
        assert (found.owner, found.ttl) == (lease.owner, lease.ttl)
        drift = found.expire_time.ToNanoseconds() - lease.expire_time.ToNanoseconds()
        assert abs(drift) < SECOND // 20
        assert [mark.match for mark in client.marks(lease_id=lease.lease_id)] == [
            mark.match for mark in marks
        ]
        assert client.renew(lease.lease_id).mark_count == 3
        assert client.revoke(lease.lease_id).removed == 3


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_resuming_across_a_restart(start_pinned, hosts, end):
    a, b = hosts(2)
    with start_pinned() as agent:
        with Client(agent.target) as client:
            header = client.set(a, flow_label=1).header
            client.set(b, flow_label=2)
            client.clear(a)
        getattr(agent, end)()
    with start_pinned() as agent, Client(agent.target) as client:
        with Watch(client, **resume(header)) as seen:
            assert tell(seen.wait_synced().events) == [(b, 2), (a, -wm.REMOVAL_REASON_CLEARED)]
