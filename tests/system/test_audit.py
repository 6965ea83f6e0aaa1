# SPDX-License-Identifier: Apache-2.0
"""Somebody changes the kernel's maps with bpftool while the agent runs."""

import json
import re
import struct
import subprocess
from ipaddress import IPv6Network

import pytest

from lib import pb
from lib.client import Client
from lib.net import SINKS
from lib.send import UDP_PORT, UdpSender

wm = pb.waymark
LABEL = 0xABCDE
PATIENCE = 10


def bpftool(verb: str, path, *arguments: str):
    command = ["bpftool", "-j", "map", verb, "pinned", str(path), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}{done.stdout}"
    return json.loads(done.stdout) if done.stdout.strip() else None


def octets(data: bytes) -> list[str]:
    return ["hex", *(f"{octet:02x}" for octet in data)]


def raw(listed: list[str]) -> bytes:
    return bytes(int(octet, 16) for octet in listed)


class Map:
    """One pinned map, as bpftool sees it."""

    def __init__(self, pin_dir, name: str):
        self._path = pin_dir / "maps" / name

    def entries(self) -> dict[bytes, bytes]:
        listed = bpftool("dump", self._path)
        return {raw(entry["key"]): raw(entry["value"]) for entry in listed}

    def only(self) -> tuple[bytes, bytes]:
        (entry,) = self.entries().items()
        return entry

    def update(self, key: bytes, value: bytes) -> None:
        bpftool("update", self._path, "key", *octets(key), "value", *octets(value))

    def delete(self, key: bytes) -> None:
        bpftool("delete", self._path, "key", *octets(key))


def index(number: int) -> bytes:
    return struct.pack("=I", number)


def word(value: int) -> bytes:
    return struct.pack("=Q", value)


def slot_of(entry: bytes) -> int:
    return struct.unpack("=Q", entry)[0] & 0xFFFFFF


@pytest.fixture
def audited(start_pinned, directory):
    config = directory / "small.yaml"  # bpftool is slow with large arrays
    config.write_text("capacity: {marks: 1000, networks: 1000}\n", encoding="ascii")
    with start_pinned("--config", str(config), "--audit-interval", "1s") as agent:
        yield agent


@pytest.fixture
def client(audited):
    with Client(audited.target) as client:
        yield client


@pytest.fixture
def sender(network, destination):
    with UdpSender(network.node, destination, auto_label=False) as sender:
        yield sender


def next_label(sender, capture, destination) -> int:
    """The flow label that a packet sent now arrives with."""
    before = len(capture.packets(lambda packet: packet.destination == destination))
    sender.send(b"x")
    arrived = capture.wait(before + 1, lambda packet: packet.destination == destination)
    return arrived[-1].flow_label


def wait_repairs(audited, client) -> int:
    """Waits until the agent says that it repaired; answers what it counts then."""
    line = audited.wait_line(re.compile("audit: .* were put right"), PATIENCE)
    (logged,) = re.findall(r"audit: (\d+) entries", line)
    repairs = client.stats().audit_repairs
    assert repairs >= int(logged) > 0
    return repairs


def match_of(kind: str, destination):
    endpoint = {"protocol": "PROTOCOL_UDP", "destination_port": UDP_PORT}
    return {
        "host": wm.Match(destination=str(destination)),
        "endpoint": wm.Match(destination=str(destination), **endpoint),
        "network": wm.Match(destination=str(SINKS)),
    }[kind]


@pytest.mark.parametrize("kind", ["host", "endpoint", "network"])
def test_a_deleted_entry_comes_back(audited, client, pin_dir, sender, capture, destination, kind):
    mark = client.set(match_of(kind, destination), flow_label=LABEL).mark
    entries = Map(pin_dir, "networks" if kind == "network" else "matches")
    key, value = entries.only()
    entries.delete(key)
    repairs = wait_repairs(audited, client)
    assert repairs == 1
    assert entries.only() == (key, value)
    assert next_label(sender, capture, destination) == LABEL
    assert client.get(mark.match).revision == mark.revision


def test_a_changed_entry_is_put_right(audited, client, pin_dir, sender, capture, destination):
    client.set(destination, flow_label=LABEL)
    entries = Map(pin_dir, "matches")
    key, value = entries.only()
    entries.update(key, word(struct.unpack("=Q", value)[0] + 1))  # another slot
    assert next_label(sender, capture, destination) == 0
    assert wait_repairs(audited, client) == 1
    assert entries.only() == (key, value)
    assert next_label(sender, capture, destination) == LABEL


@pytest.mark.parametrize("changed", [0, 1 << 27 | 0x12345])
def test_a_changed_mark_is_put_right(
    audited, client, pin_dir, sender, capture, destination, changed
):
    client.set(match_of("endpoint", destination), flow_label=LABEL)  # it has a single row
    _, value = Map(pin_dir, "matches").only()
    Map(pin_dir, "marks").update(index(slot_of(value)), word(changed) + bytes(24))
    assert next_label(sender, capture, destination) == changed & 0xFFFFF
    assert wait_repairs(audited, client) == 1
    assert next_label(sender, capture, destination) == LABEL


def test_a_changed_deadline_is_put_right(audited, client, pin_dir, sender, capture, destination):
    client.set(destination, flow_label=LABEL, ttl={"seconds": 600})
    _, value = Map(pin_dir, "matches").only()
    rows = Map(pin_dir, "marks").entries()
    lease = struct.unpack_from("=Q", rows[index(slot_of(value))])[0] >> 32
    assert lease
    Map(pin_dir, "leases").update(index(lease), word(1))
    assert next_label(sender, capture, destination) == 0
    assert wait_repairs(audited, client) == 1
    assert next_label(sender, capture, destination) == LABEL


def test_an_emptied_filter_is_put_right(audited, client, pin_dir, sender, capture, destination):
    client.set(destination, flow_label=LABEL)
    filter_ = Map(pin_dir, "filter")
    ((key, _),) = [item for item in filter_.entries().items() if any(item[1])]
    filter_.update(key, word(0))
    assert next_label(sender, capture, destination) == 0
    wait_repairs(audited, client)
    assert next_label(sender, capture, destination) == LABEL


def test_strays_are_removed(audited, client, pin_dir, network, destination):
    client.set(destination, flow_label=LABEL)
    client.set(wm.Match(destination=str(SINKS)), flow_label=LABEL)
    exact, prefixes = Map(pin_dir, "matches"), Map(pin_dir, "networks")
    before = exact.entries(), prefixes.entries()
    (known, value), (prefix, prefix_value) = exact.only(), prefixes.only()
    exact.update(network.new_destination().packed + known[16:], value)
    prefixes.update(index(64) + destination.packed[:8] + bytes(8), prefix_value)
    assert len(exact.entries()) == len(prefixes.entries()) == 2
    assert prefix in prefixes.entries()
    assert wait_repairs(audited, client) == 2
    assert (exact.entries(), prefixes.entries()) == before


def test_untouched_maps_need_no_repair(audited, client, network, pin_dir):
    addresses = [network.new_destination() for _ in range(300)]
    for address in addresses:
        client.set(address, flow_label=1, ttl={"seconds": 600})
        prefix = IPv6Network((address, 127), strict=False)
        client.set(wm.Match(destination=str(prefix)), flow_label=2)
    for address in addresses[::2]:
        client.clear(address)
    # What one round repairs tells that every round before it had nothing to do.
    key = addresses[1].packed + bytes(24)
    Map(pin_dir, "matches").delete(key)
    assert wait_repairs(audited, client) == 1
