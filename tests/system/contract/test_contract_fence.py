# SPDX-License-Identifier: Apache-2.0
"""election_id: a stale primary of an owner is fenced off (decision 15)."""

import pytest

from lib import pb
from lib.refused import refused

wm = pb.waymark
ALL = wm.ATOMICITY_ALL_OR_NOTHING


def not_primary(field: str = "options.election_id"):
    return refused("FAILED_PRECONDITION", "NOT_PRIMARY", field)


def mutations(host: str, lease: int) -> dict:
    """Every mutating RPC, as a call with options."""
    return {
        "SetMark": lambda client, **options: client.set(host, flow_label=9, options=options),
        "ClearMark": lambda client, **options: client.clear(host, options=options),
        "ApplyMarks": lambda client, **options: client.apply(
            {"clear": {"destination": host}}, options=options
        ),
        "ReplaceMarks": lambda client, **options: client.replace(
            [], allow_empty=True, options=options
        ),
        "GrantLease": lambda client, **options: client.grant(60, **options),
        "RenewLease": lambda client, **options: client.renew(lease, **options),
        "RevokeLease": lambda client, **options: client.revoke(lease, **options),
    }


MUTATIONS = sorted(mutations("", 0))


@pytest.mark.parametrize("method", MUTATIONS)
def test_an_old_leader_is_fenced_from_every_mutation(controller, listed, host, method):
    old, new = controller("replica"), controller("replica")
    old.set(host, flow_label=1, options={"election_id": 5})
    lease = old.grant(600, election_id=5).lease_id
    new.apply(options={"election_id": 6})
    call = mutations(host, lease)[method]
    before = listed(), new.leases(owner=new.stats().caller.owner)
    field = "begin.options.election_id" if method == "ReplaceMarks" else "options.election_id"
    for stale in (5, 0):
        with not_primary(field):
            call(old, election_id=stale)
    after = listed(), new.leases(owner=new.stats().caller.owner)
    assert [lease.lease_id for lease in before[1]] == [lease.lease_id for lease in after[1]]
    assert before[0] == after[0]
    call(new, election_id=6)  # equal is accepted


def test_an_empty_batch_takes_over(controller, admin):
    replica = controller("replica")
    revision = admin.stats().header.revision
    assert replica.apply(options={"election_id": 7}).header.revision == revision
    assert replica.stats().caller.highest_election_id == 7


def test_owners_have_elections_of_their_own(controller, hosts):
    a, b = hosts(2)
    controller("one").set(a, flow_label=1, options={"election_id": 100})
    controller("two").set(b, flow_label=1, options={"election_id": 1})
    controller("three").apply()  # who has never shown one needs none


def test_it_is_stored_even_if_the_operation_fails(controller, client, host):
    client.set(host, flow_label=1)
    replica = controller("replica")
    with refused("PERMISSION_DENIED", "NOT_OWNER"):
        replica.set(host, flow_label=2, options={"election_id": 9})
    assert replica.stats().caller.highest_election_id == 9
    with not_primary():
        replica.apply(options={"election_id": 8})


def test_it_is_stored_even_if_all_or_nothing_fails(controller, client, hosts):
    a, b = hosts(2)
    client.set(b, flow_label=1)
    replica = controller("replica")
    updates = [{"set": {"match": {"destination": host}, "flow_label": 2}} for host in (a, b)]
    with refused("PERMISSION_DENIED", "NOT_OWNER", "updates[1]"):
        replica.apply(*updates, atomicity=ALL, options={"election_id": 9})
    with not_primary():
        replica.apply(options={"election_id": 8})


def test_validate_only_checks_but_does_not_store(controller, host):
    replica = controller("replica")
    replica.apply(options={"election_id": 3})
    replica.set(host, flow_label=1, options={"election_id": 4, "validate_only": True})
    assert replica.stats().caller.highest_election_id == 3
    with not_primary():
        replica.set(host, flow_label=1, options={"election_id": 2, "validate_only": True})
    replica.apply(options={"election_id": 3})


def test_an_admin_for_another_owner_needs_none_and_resets(controller, admin, host):
    replica = controller("replica")
    owner = replica.stats().caller.owner
    replica.set(host, flow_label=1, options={"election_id": 1000})
    assert admin.set(host, flow_label=2, owner=owner).outcome == wm.OUTCOME_UPDATED
    assert replica.stats().caller.highest_election_id == 1000
    admin.apply(owner=owner, options={"election_id": 10})
    assert replica.stats().caller.highest_election_id == 10
    replica.apply(options={"election_id": 10})
    with not_primary():
        replica.apply(options={"election_id": 9})
    with not_primary():
        replica.apply()


def test_an_admin_cannot_reset_itself(controller):
    """Every certificate is an admin's here: for oneself the rule is everybody's."""
    replica = controller("replica")
    replica.apply(options={"election_id": 10})
    with not_primary():
        replica.apply(owner=replica.stats().caller.owner, options={"election_id": 1})
