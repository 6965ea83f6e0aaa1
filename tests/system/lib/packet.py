# SPDX-License-Identifier: Apache-2.0
"""Reads what was captured; knows nothing of the agent's own code."""

import struct
from dataclasses import dataclass
from ipaddress import IPv6Address

ETHERTYPE_IPV6 = 0x86DD
VLAN_TAGS = (0x8100, 0x88A8)
TCP = 6
UDP = 17

STRUCTURAL_MASK = 0x3FEFC
ENTROPY_MASK = 0xC0103


@dataclass(frozen=True)
class Packet:
    """One IPv6 packet as it arrived; a GSO packet stands for several on the wire."""

    vlans: tuple[int, ...]
    traffic_class: int
    flow_label: int
    hop_limit: int
    protocol: int
    source: IPv6Address
    destination: IPv6Address
    source_port: int
    destination_port: int
    payload: bytes
    segments: int
    wire_bytes: int  # of all segments, from the IPv6 header on

    @property
    def dscp(self) -> int:
        return self.traffic_class >> 2

    @property
    def ecn(self) -> int:
        return self.traffic_class & 3

    @property
    def scitag(self) -> tuple[int, int]:
        return decode_label(self.flow_label)


def decode_label(label: int) -> tuple[int, int]:
    """(experiment, activity): bits 17..9 in reverse order, and bits 7..2."""
    experiment = int(f"{label >> 9 & 0x1FF:09b}"[::-1], 2)
    return experiment, label >> 2 & 0x3F


def encode_label(experiment: int, activity: int) -> int:
    """The inverse of decode_label, entropy bits zero."""
    return int(f"{experiment:09b}"[::-1], 2) << 9 | activity << 2


def parse(frame: bytes, vlans: tuple[int, ...] = (), gso_size: int = 0) -> Packet | None:
    """A whole Ethernet frame; None if it is not IPv6. vlans: tags that the kernel took off."""
    offset = 12
    (kind,) = struct.unpack_from("!H", frame, offset)
    while kind in VLAN_TAGS:
        tag, kind = struct.unpack_from("!HH", frame, offset + 2)
        vlans += (tag & 0xFFF,)
        offset += 4
    if kind != ETHERTYPE_IPV6:
        return None
    return _parse_ipv6(frame[offset + 2 :], vlans, gso_size)


def _parse_ipv6(data: bytes, vlans: tuple[int, ...], gso_size: int) -> Packet:
    word, length, protocol, hop_limit = struct.unpack_from("!IHBB", data)
    data = data[: 40 + length]
    ports, headers = (0, 0), 40
    if protocol in (TCP, UDP):
        ports = struct.unpack_from("!HH", data, 40)
        headers += data[52] >> 4 << 2 if protocol == TCP else 8
    payload = data[headers:]
    segments = -(-len(payload) // gso_size) if gso_size else 1
    return Packet(
        vlans=vlans,
        traffic_class=word >> 20 & 0xFF,
        flow_label=word & 0xFFFFF,
        hop_limit=hop_limit,
        protocol=protocol,
        source=IPv6Address(data[8:24]),
        destination=IPv6Address(data[24:40]),
        source_port=ports[0],
        destination_port=ports[1],
        payload=payload,
        segments=segments,
        wire_bytes=len(payload) + segments * headers,
    )
