# SPDX-License-Identifier: Apache-2.0
"""Private networks that leave nothing behind.

Namespaces have no names: they live as long as a descriptor, process or socket refers to them,
so the kernel clears up whatever way this process ends.
"""

import contextlib
import ctypes
import os
import socket
import struct
import subprocess
from ipaddress import IPv6Address, IPv6Network
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

DATA = IPv6Network("2001:db8:a::/64")  # the wire between node and peer
CONTROL = IPv6Network("2001:db8:c::/64")  # the wire between controller and node
SINKS = IPv6Network("2001:db8:b::/48")  # behind the peer, which answers for every address of it
NODE_INTERFACE = "data0"


def _check(result: int) -> None:
    if result:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def _current() -> int:
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


class CommandFailed(RuntimeError):
    """A command inside a namespace; its stderr is the second argument."""


class Namespace(contextlib.AbstractContextManager):
    """A network namespace. Inside `with`, this thread and what it starts live in it.

    Sockets stay where they were made, so a thread enters only to make them.
    """

    def __init__(self, name: str, descriptor: int):
        self.name = name
        self._fd = descriptor
        self._homes = []

    @classmethod
    def new(cls, name: str) -> "Namespace":
        home = _current()
        try:
            _check(_libc.unshare(_CLONE_NEWNET))
            space = cls(name, _current())
        finally:
            _check(_libc.setns(home, _CLONE_NEWNET))
            os.close(home)
        space.run("ip", "link", "set", "lo", "up")
        return space

    @classmethod
    def here(cls, name: str) -> "Namespace":
        """The one that this thread is in."""
        return cls(name, _current())

    def __enter__(self):
        self._homes.append(_current())
        _check(_libc.setns(self._fd, _CLONE_NEWNET))
        return self

    def __exit__(self, *_):
        home = self._homes.pop()
        _check(_libc.setns(home, _CLONE_NEWNET))
        os.close(home)

    @property
    def path(self) -> str:
        return f"/proc/{os.getpid()}/fd/{self._fd}"

    def run(self, *command: str, **options) -> str:
        """Runs a command inside; answers what it printed."""
        with self:
            done = subprocess.run(command, capture_output=True, text=True, **options)
        if done.returncode:
            raise CommandFailed(f"{self.name}: {' '.join(command)}", done.stderr.strip())
        return done.stdout

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        with self:
            return socket.socket(family, kind, protocol)

    def sysctl(self, name: str, value: object) -> None:
        with self:
            Path("/proc/sys", name.replace(".", "/")).write_text(str(value), encoding="ascii")

    def interface_index(self, name: str) -> int:
        with self:
            return socket.if_nametoindex(name)

    def close(self) -> None:
        os.close(self._fd)


def isolate() -> None:
    """Moves this process, its later threads and children to a namespace of its own for good.

    Call it before anything starts threads.
    """
    _check(_libc.unshare(_CLONE_NEWNET))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def _wait_running(monitor: socket.socket, index: int) -> None:
    """Reads link changes until the kernel says that the interface carries packets."""
    running = 0x40
    while True:
        data = monitor.recv(65536)
        while data:
            length, kind = struct.unpack_from("=IH", data)
            changed, flags = struct.unpack_from("=iI", data, 20)
            if kind == 16 and changed == index and flags & running:
                return
            data = data[(length + 3) & ~3 :]


def _bring_up(space: Namespace, name: str) -> socket.socket:
    monitor = space.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    monitor.bind((0, 1))  # RTMGRP_LINK
    monitor.settimeout(5)
    space.sysctl(f"net.ipv6.conf.{name}.addr_gen_mode", 1)  # no link-local address, no noise
    space.run("ip", "link", "set", name, "up")
    return monitor


def connect(left: Namespace, left_name: str, right: Namespace, right_name: str, wire: IPv6Network):
    """Joins two namespaces by a veth pair, left with host number 1 and right with 2.

    Neighbours are permanent: no packet is on the wire but those that somebody sends.
    """
    ends = ((left, left_name, 1), (right, right_name, 2))
    # fmt: off
    left.run("ip", "link", "add", left_name, "address", "02:00:00:00:00:01", "type", "veth",
             "peer", "name", right_name, "address", "02:00:00:00:00:02", "netns", right.path)
    # fmt: on
    monitors = [_bring_up(space, name) for space, name, _ in ends]
    for (space, name, number), monitor in zip(ends, monitors):
        with monitor:
            _wait_running(monitor, space.interface_index(name))
        other = 3 - number
        space.run("ip", "address", "add", f"{wire[number]}/64", "dev", name, "nodad")
        # fmt: off
        space.run("ip", "neighbour", "add", str(wire[other]), "dev", name, "nud", "permanent",
                  "lladdr", f"02:00:00:00:00:0{other}")
        # fmt: on


class Network:
    """controller -- node, where the agent runs -- peer, where packets arrive."""

    node_address = DATA[1]
    peer_address = DATA[2]
    agent_address = CONTROL[2]

    def __init__(self, controller: Namespace):
        self.controller = controller
        self.node = Namespace.new("node")
        self.peer = Namespace.new("peer")
        connect(self.node, NODE_INTERFACE, self.peer, "data0", DATA)
        connect(self.controller, "ctl0", self.node, "ctl0", CONTROL)
        self.node.run("ip", "route", "add", str(SINKS), "via", str(DATA[2]))
        self.peer.run("ip", "route", "add", "local", str(SINKS), "dev", "lo")
        self._sinks = SINKS.hosts()

    def new_destination(self) -> IPv6Address:
        """An address of the peer that nobody has used before."""
        return next(self._sinks)

    def close(self) -> None:
        for space in (self.controller, self.node, self.peer):
            space.close()
