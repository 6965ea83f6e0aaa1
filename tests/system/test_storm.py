# SPDX-License-Identifier: Apache-2.0
"""Traffic of every kind while marks change 10,000 times: nothing is lost, damaged or mixed up."""

import collections
import contextlib
import socket
import struct
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from lib import pb
from lib.net import NODE_INTERFACE, SINKS
from lib.offload import offloads, set_offloads
from lib.packet import TCP, UDP
from lib.storm import Flow, Storm, version_of

wm = pb.waymark
CHANGES = 10_000
IPERF_SECONDS = 4
HELPERS = Path(__file__).parent / "helpers"
RECORD = struct.Struct("=IIHHHBB16s12s")
STAMP = struct.Struct("=qq")
CHECKSUM_WRONG, CHECKSUM_RIGHT, CHECKSUM_LEFT_TO_DEVICE = range(3)

# Ports of the numbered flows and of iperf3.
PORT, OTHER_PORT, IPERF_PORT = 7101, 7102, 7103
FLOW_PORT, OTHER_FLOW_PORT, IPERF_FLOW_PORT = 20001, 20002, 20003

# Checksums on the wire are real where the device computes none. Then TCP still makes GSO packets,
# which the stack cuts behind the program, unless they are not to have segments.
OFFLOADS = {
    "all": ({"checksum": True, "tso": True, "gso": True}, {"gro": True}, 65535),
    "gso": ({"tso": False, "checksum": False, "gso": True}, {"gro": False}, 65535),
    "none": ({"tso": False, "gso": False, "checksum": False}, {"gro": False}, 1),
}


@pytest.fixture(scope="module")
def helper(directory):
    """Compiles a helper; answers its path."""

    def build(name: str) -> str:
        # fmt: off
        subprocess.run(["gcc", "-O2", "-Wall", "-Werror", HELPERS / f"{name}.c",
                        "-o", directory / name], check=True)
        # fmt: on
        return str(directory / name)

    return {name: build(name) for name in ("stamp", "record")}


@pytest.fixture(params=OFFLOADS)
def offload(request, network):
    sender, receiver, segments = OFFLOADS[request.param]
    ends = (network.node, NODE_INTERFACE, sender), (network.peer, "data0", receiver)
    before = [offloads(space, interface) for space, interface, _ in ends]
    limit = (network.node.run, "ip", "link", "set", NODE_INTERFACE, "gso_max_segs")
    for space, interface, wanted in ends:
        set_offloads(space, interface, **wanted)
    limit[0](*limit[1:], str(segments))
    yield request.param
    limit[0](*limit[1:], "65535")
    for (space, interface, _), found in zip(ends, before):
        set_offloads(space, interface, **found)


@pytest.fixture
def processes():
    """Starts processes in namespaces; none is left in the end."""
    with contextlib.ExitStack() as started:

        def start(space, *command: str, stdout=subprocess.PIPE) -> subprocess.Popen:
            with space:
                process = subprocess.Popen(
                    ["setpriv", "--pdeathsig", "KILL", *command],
                    stdin=subprocess.PIPE,
                    stdout=stdout,
                    stderr=subprocess.PIPE,
                )
            started.enter_context(process)
            started.callback(process.kill)
            return process

        yield start


@pytest.fixture
def destination(network):
    """An address that the peer can also send from."""
    address = network.new_destination()
    network.peer.run("ip", "address", "add", f"{address}/128", "dev", "lo", "nodad")
    return address


def finish(process, last_words: bytes = b"") -> bytes:
    output, complaints = process.communicate(last_words, timeout=30)
    assert process.returncode == 0, (process.args, output and output[-2000:], complaints)
    return output


def start_iperf(start, network, destination, port: int, *options: str):
    """A server that serves once, and its client."""
    # fmt: off
    server = start(network.peer, "iperf3", "-6", "-s", "-1", "-B", str(destination),
                   "-p", str(port), "--forceflush")
    assert b"-----" in server.stdout.readline()  # it listens
    client = start(network.node, "iperf3", "-6", "-J", "-c", str(destination), "-p", str(port),
                   "-t", str(IPERF_SECONDS), *options)
    # fmt: on
    return server, client


def matches(network, destination, decoy) -> list:
    """Of every kind, and some that no packet or only another flow has."""

    def match(protocol: int, port: int, source_port: int = 0):
        source = {"source": str(network.node_address)} if source_port else {}
        return wm.Match(
            destination=str(destination),
            protocol=protocol,
            destination_port=port,
            source_port=source_port,
            **source,
        )

    return [
        match(UDP, PORT, FLOW_PORT),
        match(TCP, IPERF_PORT, IPERF_FLOW_PORT),
        match(TCP, PORT, FLOW_PORT),
        match(UDP, PORT),
        match(TCP, IPERF_PORT),
        match(UDP, IPERF_PORT + 1),
        wm.Match(destination=str(destination)),
        wm.Match(destination=str(decoy)),
        wm.Match(destination=str(SINKS).replace("/48", "/64")),
        wm.Match(destination="2001:db8::/32"),
    ]


def kernel_counters(space) -> dict[str, int]:
    """What the receiver threw away for its checksum, or else, before anybody could read it."""
    with space:
        tcp = [
            line.split()[1:]
            for line in Path("/proc/thread-self/net/snmp").read_text().splitlines()
            if line.startswith("Tcp:")
        ]
        ipv6 = dict(
            line.split() for line in Path("/proc/thread-self/net/snmp6").read_text().splitlines()
        )
    wanted = ("Udp6InCsumErrors", "Ip6InHdrErrors", "Ip6InTruncatedPkts")
    return {"TcpInCsumErrors": int(dict(zip(*tcp))["InCsumErrors"])} | {
        name: int(ipv6[name]) for name in wanted
    }


class Traffic:
    """Numbered datagrams and iperf3, TCP and UDP, from node to peer."""

    def __init__(self, start, network, destination, decoy, stamp: str):
        to = str(destination)
        flows = [
            (to, PORT, FLOW_PORT),
            (to, PORT, OTHER_FLOW_PORT),
            (to, OTHER_PORT, FLOW_PORT),
            (str(decoy), PORT, FLOW_PORT),
        ]
        words = [str(word) for flow in flows for word in flow]
        tcp = ("--cport", str(IPERF_FLOW_PORT), "-b", "150M")
        udp = ("-u", "-b", "30M", "-l", "1000")
        self._stamp = start(network.node, stamp, str(network.node_address), *words)
        self._iperf = [
            *start_iperf(start, network, destination, IPERF_PORT, *tcp),
            *start_iperf(start, network, destination, IPERF_PORT + 1, *udp),
        ]

    def flows_on(self) -> bool:
        return any(process.poll() is None for process in self._iperf)

    def end(self) -> list[tuple[int, int]]:
        """Answers when each numbered datagram was sent."""
        for process in self._iperf:
            finish(process)
        return list(STAMP.iter_unpack(finish(self._stamp)))


@pytest.fixture
def deaf(network):
    """Sockets that take the numbered datagrams, so that the peer does not refuse them."""
    with contextlib.ExitStack() as sockets:
        for port in (PORT, OTHER_PORT):
            taker = network.peer.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            sockets.enter_context(taker).bind(("::", port))
        yield


class Arrived(NamedTuple):
    """A packet, or several of one GSO packet, as they arrived."""

    flow: Flow
    version: int | None
    word: int
    packets: int
    bytes: int
    checksum: int
    payload: bytes


def read_records(file: Path) -> list[Arrived]:
    arrived = []
    for record in RECORD.iter_unpack(file.read_bytes()):
        word, size, packets, source_port, port, protocol, checksum, destination, payload = record
        flow = Flow(destination, protocol, source_port, port)
        version = version_of(word & 0xFFFFF, word >> 22 & 0x3F)
        arrived.append(Arrived(flow, version, word, packets, size, checksum, payload))
    return arrived


def check_marks(arrived, storm, stamps) -> None:
    """Each carries a mark of its own flow; where we know when it left, the one of that time."""
    timelines = {flow: storm.timeline(flow) for flow in {packet.flow for packet in arrived}}
    for packet in arrived:
        timeline = timelines[packet.flow]
        allowed = timeline.versions
        if packet.flow.destination_port in (PORT, OTHER_PORT):
            allowed = timeline.allowed(*stamps[number(packet, 0)])
        assert packet.version in allowed, f"{packet}: not one of {sorted(allowed)[:5]}"


def number(packet, offset: int) -> int:
    return int.from_bytes(packet.payload[offset : offset + 4], "big")


def check_none_lost(arrived, stamps) -> None:
    numbered = [number(packet, 0) for packet in arrived
                if packet.flow.destination_port in (PORT, OTHER_PORT)]  # fmt: skip
    assert sorted(numbered) == list(range(len(stamps)))
    # iperf3 numbers from 1, behind the time; its greeting is too short for a number.
    iperf = [number(packet, 8) for packet in arrived
             if packet.flow[1::2] == (UDP, IPERF_PORT + 1)]  # fmt: skip
    iperf = sorted(found for found in iperf if found)
    assert iperf == list(range(1, len(iperf) + 1)) and len(iperf) > 1000


def check_checksums(arrived, offload: str) -> None:
    found = collections.Counter((packet.flow.protocol, packet.checksum) for packet in arrived)
    assert not found[TCP, CHECKSUM_WRONG] and not found[UDP, CHECKSUM_WRONG], found
    real = CHECKSUM_LEFT_TO_DEVICE if offload == "all" else CHECKSUM_RIGHT
    assert {checksum for _, checksum in found} == {real}, found
    large = [packet for packet in arrived if packet.packets > 1]
    assert bool(large) == (offload == "all")


def check_counters(arrived, storm) -> None:
    """Of each mark that was, from its creation to its end."""
    counted = collections.defaultdict(lambda: (0, 0))
    for packet in arrived:
        packets, size = counted[packet.version]
        counted[packet.version] = packets + packet.packets, size + packet.bytes
    wrong = []
    for life in storm.lives:
        sums = tuple(map(sum, zip(*(counted[version] for version in life.versions))))
        if sums != life.counters:
            wrong.append((life.match, sums, life.counters))
    assert not wrong


def test_storm(client, network, destination, helper, processes, directory, offload, deaf):
    damaged = kernel_counters(network.peer)
    before = client.stats()
    decoy = network.new_destination()
    some = matches(network, destination, decoy)
    storm = Storm(client, wm.Match(destination=str(SINKS)), some, seed=len(offload))
    records = directory / f"records-{offload}"
    prefix = str(SINKS.network_address)
    with records.open("wb") as file:
        recorder = processes(network.peer, helper["record"], "data0", prefix, stdout=file)
    assert recorder.stderr.readline() == b"ready\n"
    traffic = Traffic(processes, network, destination, decoy, helper["stamp"])
    while storm.changes < CHANGES / len(OFFLOADS) or traffic.flows_on():
        storm.change()
    stamps = traffic.end()
    marked = client.stats().marked.packets - before.marked.packets
    finish(recorder, str(marked).encode())
    storm.end()
    after = client.stats()
    arrived = read_records(records)

    (then,), (now,) = before.interfaces, after.interfaces
    assert now.packets_seen - then.packets_seen == marked, "not every packet was marked"
    assert after.marked.packets - before.marked.packets == marked
    assert sum(packet.packets for packet in arrived) == marked
    assert sum(packet.bytes for packet in arrived) == after.marked.bytes - before.marked.bytes
    check_none_lost(arrived, stamps)
    check_checksums(arrived, offload)
    assert kernel_counters(network.peer) == damaged
    check_marks(arrived, storm, stamps)
    check_counters(arrived, storm)
