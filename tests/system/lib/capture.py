# SPDX-License-Identifier: Apache-2.0
"""Captures what arrives at an interface, by AF_PACKET; waits for packets, never for time."""

import contextlib
import select
import socket
import struct
import threading
import time
from typing import Callable

from lib.net import Namespace
from lib.packet import Packet, parse

_SOL_PACKET = 263
_PACKET_STATISTICS = 6
_PACKET_AUXDATA = 8
_PACKET_VNET_HDR = 15
_PACKET_OUTGOING = 4
_SO_RCVBUFFORCE = 33
_ETH_P_ALL = 3
_TP_STATUS_VLAN_VALID = 1 << 4
_VIRTIO_HEADER = struct.Struct("=BBHHHH")  # flags, gso_type, hdr_len, gso_size, csum_start, _offset

Predicate = Callable[[Packet], bool]


class Capture(contextlib.AbstractContextManager):
    """All IPv6 packets that arrive while it is open."""

    def __init__(self, space: Namespace, interface: str):
        self._changed = threading.Condition()
        self._packets: list[Packet] = []
        self._failure: Exception | None = None
        self._socket = space.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        with space:
            self._socket.bind((interface, _ETH_P_ALL))
        # Closing one end wakes the thread that polls the other.
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def __exit__(self, *exception):
        self._wake.close()
        self._thread.join()
        _, dropped = struct.unpack(
            "=II", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        )
        self._socket.close()
        self._woken.close()
        if exception[0] is None:
            self._raise_failure()
            assert not dropped, f"the capture lost {dropped} packets"

    def packets(self, predicate: Predicate = lambda packet: True) -> list[Packet]:
        """What has arrived so far."""
        with self._changed:
            self._raise_failure()
            return [packet for packet in self._packets if predicate(packet)]

    def wait(self, count: int, predicate: Predicate, timeout: float = 5) -> list[Packet]:
        """Waits until so many packets on the wire match; answers all that do."""
        return self.wait_until(
            lambda found: sum(packet.segments for packet in found) >= count,
            predicate,
            timeout,
            lambda found: f"{count} packets, {sum(packet.segments for packet in found)} came",
        )

    def wait_until(self, enough, predicate: Predicate, timeout: float, describe) -> list[Packet]:
        """Waits until the matching packets are enough; AssertionError when the time is over."""
        end = time.monotonic() + timeout
        with self._changed:
            while True:
                self._raise_failure()
                found = [packet for packet in self._packets if predicate(packet)]
                if enough(found):
                    return found
                if not self._changed.wait(end - time.monotonic()):
                    raise AssertionError(f"waited {timeout} s for {describe(found)}")

    def _raise_failure(self) -> None:
        if self._failure:
            raise self._failure

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        try:
            while True:
                ready = {fd for fd, _ in poll.poll()}
                if self._socket.fileno() in ready:
                    self._receive()
                elif ready:
                    return
        except Exception as failure:  # whoever waits shall see it
            with self._changed:
                self._failure = failure
                self._changed.notify_all()

    def _receive(self) -> None:
        data, ancillary, _, address = self._socket.recvmsg(1 << 17, 64)
        if address[2] == _PACKET_OUTGOING:
            return
        gso_size = _VIRTIO_HEADER.unpack_from(data)[3]
        vlans = tuple(tag for message in ancillary for tag in _vlan(message[2]))
        packet = parse(data[_VIRTIO_HEADER.size :], vlans, gso_size)
        if packet:
            with self._changed:
                self._packets.append(packet)
                self._changed.notify_all()


def _vlan(auxdata: bytes) -> tuple[int, ...]:
    status, _, _, _, _, tag, _ = struct.unpack("=IIIHHHH", auxdata)
    return (tag & 0xFFF,) if status & _TP_STATUS_VLAN_VALID else ()
