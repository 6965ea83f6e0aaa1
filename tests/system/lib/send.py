# SPDX-License-Identifier: Apache-2.0
"""Traffic: a sink at the peer, UDP and TCP senders at the node."""

import contextlib
import selectors
import socket
import threading
from ipaddress import IPv6Address

from lib.net import Namespace

_IPV6_TCLASS = 67
_IPV6_AUTOFLOWLABEL = 70
_PACE = 0.002  # seconds between the packets of a PacedSender
UDP_PORT = 7001
TCP_PORT = 7002


class Sink(contextlib.AbstractContextManager):
    """Takes whatever comes to UDP_PORT and TCP_PORT of any address and throws it away."""

    def __init__(self, space: Namespace):
        self._selector = selectors.DefaultSelector()
        self._wake, woken = socket.socketpair()
        udp = space.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        udp.bind(("::", UDP_PORT))
        listener = space.socket(socket.AF_INET6, socket.SOCK_STREAM)
        listener.bind(("::", TCP_PORT))
        listener.listen(64)
        self._selector.register(udp, selectors.EVENT_READ, self._discard_datagram)
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        self._selector.register(woken, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, name="sink", daemon=True)
        self._thread.start()

    def __exit__(self, *_):
        self._wake.close()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                key.data(key.fileobj)

    def _discard_datagram(self, udp: socket.socket) -> None:
        udp.recv(1 << 16)

    def _accept(self, listener: socket.socket) -> None:
        stream, _ = listener.accept()
        self._selector.register(stream, selectors.EVENT_READ, self._discard)

    def _discard(self, stream: socket.socket) -> None:
        with contextlib.suppress(ConnectionError):
            if stream.recv(1 << 18):
                return
        self._selector.unregister(stream)
        stream.close()


class UdpSender(contextlib.AbstractContextManager):
    """One UDP flow from the node."""

    def __init__(
        self,
        space: Namespace,
        destination: IPv6Address,
        port: int = UDP_PORT,
        traffic_class: int = 0,
        auto_label: bool = True,
    ):
        self._socket = space.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.IPPROTO_IPV6, _IPV6_TCLASS, traffic_class)
        self._socket.setsockopt(socket.IPPROTO_IPV6, _IPV6_AUTOFLOWLABEL, int(auto_label))
        self._socket.connect((str(destination), port))

    def __exit__(self, *_):
        self._socket.close()

    @property
    def port(self) -> int:
        return self._socket.getsockname()[1]

    def send(self, payload: bytes) -> None:
        self._socket.send(payload)


def tcp_transfer(space: Namespace, destination: IPv6Address, size: int) -> int:
    """Sends so many bytes and closes; answers the local port.

    When it returns, the peer has closed too: every packet of the connection was sent.
    """
    with space.socket(socket.AF_INET6, socket.SOCK_STREAM) as stream:
        stream.settimeout(10)
        stream.connect((str(destination), TCP_PORT))
        stream.sendall(bytes(size))
        stream.shutdown(socket.SHUT_WR)
        assert stream.recv(1) == b""
        return stream.getsockname()[1]


class PacedSender(contextlib.AbstractContextManager):
    """Sends numbered packets from a thread until the context ends."""

    def __init__(self, sender: UdpSender):
        self.count = 0
        self._sender = sender
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)
        self._thread.start()

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(_PACE):
            self._sender.send(self.count.to_bytes(4, "big"))
            self.count += 1
