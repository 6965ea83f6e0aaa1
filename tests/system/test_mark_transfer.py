# SPDX-License-Identifier: Apache-2.0
"""The example of libwaymark: a transfer that is marked while it runs, and by its lease only."""

import subprocess
from contextlib import contextmanager

from lib import pb
from lib.agent import BINARIES
from lib.packet import STRUCTURAL_MASK, encode_label
from lib.send import TCP_PORT

wm = pb.waymark
SIZE = 3_000_000
TIMEOUT = 30


@contextmanager
def transfer(network, agent, destination, activity="Analysis Input"):
    """The example, with its stdin in the hands of the test."""
    command = [BINARIES / "mark_transfer", agent.target, "cms", activity]
    with network.node:
        process = subprocess.Popen(
            [*map(str, command), str(destination), str(TCP_PORT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    with process:
        try:
            yield process
        finally:
            process.kill()


def leases(client) -> list:
    return list(client.call("ListLeases", wm.ListLeasesRequest()).leases)


def test_marked_and_accounted(network, agent, client, capture, destination):
    with transfer(network, agent, destination) as process:
        out, err = process.communicate(bytes(SIZE), TIMEOUT)
    assert (process.returncode, err) == (0, b"")
    words = out.split()
    packets, octets = int(words[2]), int(words[4])
    assert octets > SIZE

    # All data and the last acknowledgements were marked; what came before the mark was not.
    label = encode_label(3, 14)
    arrived = capture.packets(lambda packet: packet.destination == destination)
    marked = [one for one in arrived if one.flow_label & STRUCTURAL_MASK == label]
    assert sum(one.segments for one in marked) == packets

    # Neither mark nor lease stays.
    assert client.marks() == []
    assert leases(client) == []


def test_killed_program_leaves_a_mark_that_ends(network, agent, client, capture, destination):
    label = encode_label(3, 14)
    with transfer(network, agent, destination) as process:
        process.stdin.write(b"x")
        process.stdin.flush()
        # It sends only what is marked.
        capture.wait(1, lambda packet: packet.flow_label & STRUCTURAL_MASK == label)
        process.kill()
        process.wait(TIMEOUT)
    (mark,) = client.marks()
    (lease,) = leases(client)
    assert mark.lease_id == lease.lease_id
    assert 0 < lease.ttl.seconds <= 60
    client.call("RevokeLease", wm.RevokeLeaseRequest(lease_id=lease.lease_id))


def test_refusal_names_the_field(network, agent, destination):
    with transfer(network, agent, destination, activity="Analysis Imput") as process:
        out, err = process.communicate(b"", TIMEOUT)
    assert (process.returncode, out) == (1, b"")
    assert b"INVALID_ARGUMENT" in err and b"Analysis Imput" in err
