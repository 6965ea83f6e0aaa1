# SPDX-License-Identifier: Apache-2.0
"""The kernel's maps as bpftool sees them, read by the layout of bpf/abi.h and by nothing else."""

import json
import struct
import subprocess
from ipaddress import IPv6Address
from pathlib import Path

from lib import pb
from lib.packet import encode_label

wm = pb.waymark
_SLOT = 0xFFFFFF
_EXACT = struct.Struct("!16s16sHHB3x")
_PREFIX = struct.Struct("=I16s")
_HAS_DSCP, _HAS_RAW, _HAS_SCITAG = 1 << 26, 1 << 27, 1 << 28


def word_of(mark: wm.Mark) -> int:
    """What the row in marks says for a mark, without its lease."""
    word = 0
    if mark.WhichOneof("label") == "flow_label":
        word |= _HAS_RAW | mark.flow_label
    elif mark.WhichOneof("label") == "scitag":
        label = encode_label(mark.scitag.experiment_id, mark.scitag.activity_id)
        word |= _HAS_SCITAG | label
    if mark.WhichOneof("dscp_choice"):
        word |= _HAS_DSCP | mark.dscp << 20
    return word


def key_of(match: wm.Match) -> bytes:
    """The key under which a match stands in its map."""
    address, _, length = match.destination.partition("/")
    destination = IPv6Address(address).packed
    if length:
        return _PREFIX.pack(int(length), destination)
    source = IPv6Address(match.source or "::").packed
    return _EXACT.pack(
        destination, source, match.source_port, match.destination_port, match.protocol
    )


class Maps:
    """The maps of an agent that pins."""

    def __init__(self, pin_dir: Path):
        self._path = pin_dir / "maps"

    def matches(self) -> dict[bytes, int]:
        """Exact matches and prefixes by their keys, with their slots."""
        found = self._entries("matches") | self._entries("networks")
        return {key: struct.unpack("=Q", value)[0] & _SLOT for key, value in found.items()}

    def contents(self) -> dict[bytes, tuple[int, bool]]:
        """What the kernel would do: keys with the word of their slot, and whether it can expire."""
        rows = self._entries("marks")  # of all kinds of mark the first stripe has one
        found = {}
        for key, slot in self.matches().items():
            (word,) = struct.unpack_from("=Q", rows[struct.pack("=I", slot)])
            found[key] = word & 0xFFFFFFFF, word >> 32 != 0
        return found

    def _entries(self, name: str) -> dict[bytes, bytes]:
        command = ["bpftool", "-j", "map", "dump", "pinned", str(self._path / name)]
        dumped = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        return {_octets(entry["key"]): _octets(entry["value"]) for entry in dumped}


def expected(marks) -> dict[bytes, tuple[int, bool]]:
    """What Maps.contents() should say of these marks."""
    return {
        key_of(mark.match): (word_of(mark), mark.WhichOneof("lifetime") is not None)
        for mark in marks
    }


def _octets(listed: list[str]) -> bytes:
    return bytes(int(octet, 16) for octet in listed)
