# SPDX-License-Identifier: Apache-2.0
"""Switches what an interface takes over from the stack, as ethtool -K does."""

import ctypes
import fcntl
import socket
import struct

from lib.net import Namespace

_SIOCETHTOOL = 0x8946
_SET = {"checksum": 0x17, "tso": 0x1F, "gso": 0x24, "gro": 0x2C}  # ETHTOOL_STXCSUM, ...
_GET = {"checksum": 0x16, "tso": 0x1E, "gso": 0x23, "gro": 0x2B}


def _command(space: Namespace, interface: str, command: int, value: int = 0) -> int:
    data = ctypes.create_string_buffer(struct.pack("=II", command, value), 8)
    request = struct.pack("@16sP16x", interface.encode(), ctypes.addressof(data))
    with space.socket(socket.AF_INET6, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCETHTOOL, request)
    return struct.unpack("=II", data.raw)[1]


def offloads(space: Namespace, interface: str) -> dict[str, bool]:
    return {name: bool(_command(space, interface, code)) for name, code in _GET.items()}


def set_offloads(space: Namespace, interface: str, **wanted: bool) -> None:
    """Sets them one after the other: some follow others."""
    for name, on in wanted.items():
        _command(space, interface, _SET[name], on)
    found = offloads(space, interface)
    assert found.items() >= wanted.items(), f"{interface}: {found}, not {wanted}"
