# SPDX-License-Identifier: Apache-2.0
"""Other programs on the same hook, as tcx links and as filters on clsact."""

import contextlib
import ctypes
import json
import os
import socket
import subprocess
from pathlib import Path

from lib.net import Namespace

_SOURCE = Path(__file__).resolve().parents[1] / "helpers/counter.bpf.c"
_TCX_EGRESS = 47  # enum bpf_attach_type
_TC_EGRESS = 2  # enum bpf_tc_attach_point
_libbpf = ctypes.CDLL("libbpf.so.1", use_errno=True)
_libbpf.bpf_object__open_file.restype = ctypes.c_void_p
_libbpf.bpf_object__find_program_by_name.restype = ctypes.c_void_p
_libbpf.bpf_object__find_map_by_name.restype = ctypes.c_void_p


class _TcHook(ctypes.Structure):  # struct bpf_tc_hook
    _fields_ = [
        ("size", ctypes.c_size_t),
        ("ifindex", ctypes.c_int),
        ("attach_point", ctypes.c_int),
        ("parent", ctypes.c_uint32),
    ]


class _TcFilter(ctypes.Structure):  # struct bpf_tc_opts
    _fields_ = [
        ("size", ctypes.c_size_t),
        ("program", ctypes.c_int),
        ("flags", ctypes.c_uint32),
        ("program_id", ctypes.c_uint32),
        ("handle", ctypes.c_uint32),
        ("priority", ctypes.c_uint32),
    ]


def _check(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def _query_tcx(index: int) -> int | None:
    """How many programs hang at the tcx hook of this interface; None: the kernel has no tcx."""
    count = ctypes.c_uint32()
    failed = _libbpf.bpf_prog_query(index, _TCX_EGRESS, 0, None, None, ctypes.byref(count))
    return None if failed else count.value


def has_tcx() -> bool:
    """Does this kernel know tcx? Asked of the kernel, for versions say nothing."""
    return _query_tcx(1) is not None


def count_tcx(space: Namespace, interface: str) -> int:
    """How many programs hang on this interface by tcx, for what it sends."""
    with space:
        return _query_tcx(socket.if_nametoindex(interface)) or 0


def compile_counter(directory: Path) -> Path:
    """Compiles the counting program."""
    compiled = directory / "counter.bpf.o"
    multiarch = subprocess.run(
        ["gcc", "-print-multiarch"], check=True, capture_output=True, text=True
    ).stdout.strip()
    # fmt: off
    subprocess.run(["clang", "-O2", "-g", "-Wall", "-Werror", "-target", "bpf",
                    f"-I/usr/include/{multiarch}", "-c", _SOURCE, "-o", compiled], check=True)
    # fmt: on
    return compiled


class Counter(contextlib.AbstractContextManager):
    """The counting program, loaded; the subclasses hang it on an interface."""

    def __init__(self, space: Namespace, interface: str, compiled: Path):
        self.space = space
        self.ifindex = space.interface_index(interface)
        self._object = ctypes.c_void_p(_libbpf.bpf_object__open_file(bytes(compiled), None))
        try:
            _check(_libbpf.bpf_object__load(self._object))
            program = _libbpf.bpf_object__find_program_by_name(self._object, b"count")
            seen = _libbpf.bpf_object__find_map_by_name(self._object, b"seen")
            self.program = _check(_libbpf.bpf_program__fd(ctypes.c_void_p(program)))
            self._map = _check(_libbpf.bpf_map__fd(ctypes.c_void_p(seen)))
            with space:
                self._attach()
        except OSError:
            _libbpf.bpf_object__close(self._object)
            raise

    def __exit__(self, *_):
        with self.space:
            self._detach()
        _libbpf.bpf_object__close(self._object)

    def packets(self, label: int) -> int:
        """How many packets with this flow label it has seen."""
        key, value = ctypes.c_uint32(label), ctypes.c_uint64()
        found = _libbpf.bpf_map_lookup_elem(self._map, ctypes.byref(key), ctypes.byref(value))
        return value.value if found == 0 else 0


class TcxCounter(Counter):
    """A tcx link behind all that are there already."""

    def _attach(self) -> None:
        self._link = _check(
            _libbpf.bpf_link_create(self.program, self.ifindex, _TCX_EGRESS, None)
        )

    def _detach(self) -> None:
        os.close(self._link)


class ClsactCounter(Counter):
    """A filter on a clsact qdisc, behind all filters with a lower priority."""

    priority = 60000
    handle = 0x4E42

    def _attach(self) -> None:
        hook, filter_ = self._hook(), self._filter(self.program)
        _check(_libbpf.bpf_tc_attach(ctypes.byref(hook), ctypes.byref(filter_)))

    def _detach(self) -> None:
        hook, filter_ = self._hook(), self._filter(0)
        _check(_libbpf.bpf_tc_detach(ctypes.byref(hook), ctypes.byref(filter_)))

    def _hook(self) -> "_TcHook":
        return _TcHook(ctypes.sizeof(_TcHook), self.ifindex, _TC_EGRESS)

    def _filter(self, program: int) -> "_TcFilter":
        # fmt: off
        return _TcFilter(ctypes.sizeof(_TcFilter), program, handle=self.handle,
                         priority=self.priority)
        # fmt: on


def add_clsact(space: Namespace, interface: str) -> None:
    space.run("tc", "qdisc", "add", "dev", interface, "clsact")


def qdiscs(space: Namespace, interface: str) -> list[str]:
    """Kinds of the queueing disciplines on an interface."""
    listing = json.loads(space.run("tc", "-j", "qdisc", "show", "dev", interface))
    return [qdisc["kind"] for qdisc in listing]
