#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""iperf3 over a veth pair: CPU time of both ends for a byte, with the marker on the way out, on
packets without and with a mark, against an empty program on the same hook, and that against none.
Every round runs all of them, one after the other.
"""

import argparse
import contextlib
import ctypes
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent / "system"))

from lib.agent import Agent  # noqa: E402
from lib.client import Client  # noqa: E402
from lib.net import NODE_INTERFACE, Namespace, Network, isolate  # noqa: E402
from lib.offload import set_offloads  # noqa: E402

_ROUNDS = 7
_TCX_EGRESS = 47  # enum bpf_attach_type
_MUST, _AIM = 1.03, 1.01
_MEGABYTE = 1_000_000
_libbpf = ctypes.CDLL("libbpf.so.1", use_errno=True)
_libbpf.bpf_object__open_file.restype = ctypes.c_void_p
_libbpf.bpf_object__find_program_by_name.restype = ctypes.c_void_p

# protocol, segmentation by the interface, megabytes of a run (with --quick a quarter of it)
_TRAFFIC = (("tcp", True, 4000), ("tcp", False, 400), ("udp", True, 80), ("udp", False, 80))


class EmptyProgram(contextlib.AbstractContextManager):
    """The empty program on the way out of an interface, as a tcx link."""

    def __init__(self, space: Namespace, interface: str, compiled: Path):
        self._object = ctypes.c_void_p(_libbpf.bpf_object__open_file(bytes(compiled), None))
        if _libbpf.bpf_object__load(self._object):
            raise OSError(f"cannot load {compiled}")
        program = _libbpf.bpf_object__find_program_by_name(self._object, b"empty")
        descriptor = _libbpf.bpf_program__fd(ctypes.c_void_p(program))
        with space:
            index = space.interface_index(interface)
            self._link = _libbpf.bpf_link_create(descriptor, index, _TCX_EGRESS, None)
        if self._link < 0:
            raise OSError("this kernel has no tcx")

    def __exit__(self, *_):
        os.close(self._link)
        _libbpf.bpf_object__close(self._object)


def compile_empty(directory: Path) -> Path:
    compiled = directory / "empty.bpf.o"
    multiarch = subprocess.run(
        ["gcc", "-print-multiarch"], check=True, capture_output=True, text=True
    ).stdout.strip()
    # fmt: off
    subprocess.run(["clang", "-O2", "-g", "-target", "bpf", f"-I/usr/include/{multiarch}",
                    "-c", _HERE / "empty.bpf.c", "-o", compiled], check=True)
    # fmt: on
    return compiled


@contextlib.contextmanager
def marker(network: Network, directory: Path):
    """An agent on the node's interface; gives a client of it."""
    target = f"unix:{directory}/sock"
    with Agent(network.node, "--interface", NODE_INTERFACE, "--listen", target) as agent:
        agent.wait_ready()
        with Client(target) as client:
            yield client


def cpu_per_byte(network: Network, protocol: str, megabytes: int) -> float:
    """Nanoseconds of CPU, of both ends, for a byte."""
    # fmt: off
    command = ["iperf3", "-6", "-J", "-c", str(network.peer_address), "-n", str(megabytes * _MEGABYTE),
               "--connect-timeout", "5000"]
    # fmt: on
    if protocol == "udp":
        command += ["-u", "-b", "0", "-l", "1400"]
    end = json.loads(network.node.run(*command, timeout=60))["end"]
    percent = end["cpu_utilization_percent"]
    total = end.get("sum_sent") or end["sum"]
    cpu = (percent["host_total"] + percent["remote_total"]) / 100 * total["seconds"]
    return 1e9 * cpu / total["bytes"]


def measure(network: Network, directory: Path, compiled: Path, protocol: str, megabytes: int):
    """One round: variant -> CPU for a byte."""
    empty = EmptyProgram(network.node, NODE_INTERFACE, compiled)
    found = {"none": cpu_per_byte(network, protocol, megabytes)}
    with empty:
        found["empty"] = cpu_per_byte(network, protocol, megabytes)
    with marker(network, directory) as client:
        found["unmarked"] = cpu_per_byte(network, protocol, megabytes)
        client.set(str(network.peer_address), flow_label=0x12345)
        found["marked"] = cpu_per_byte(network, protocol, megabytes)
    return found


def verdict(ratio: float, must: float | None) -> str:
    if must is None:
        return "info"
    if ratio <= _AIM:
        return "aim"
    return "must" if ratio <= _MUST else "short"


def report(case: str, rounds: list[dict], variant: str, baseline: str, as_json: bool) -> None:
    ratios = [found[variant] / found[baseline] for found in rounds]
    must = _MUST if baseline == "empty" and case.startswith("tcp") else None
    ratio = statistics.median(ratios)
    result = {
        "bench": "throughput",
        "case": f"{case}/{variant}",
        "unit": "ns/B",
        "value": round(statistics.median(found[variant] for found in rounds), 4),
        "baseline": round(statistics.median(found[baseline] for found in rounds), 4),
        "ratio": round(ratio, 4),
        "spread": round((max(ratios) - min(ratios)) / ratio, 4),
        "must": must,
        "aim": must and _AIM,
        "verdict": verdict(ratio, must),
    }
    if as_json:
        print(json.dumps(result), flush=True)
    else:
        print(
            f"{result['case']:34} {result['value']:7.3f} ns/B {result['baseline']:7.3f} ns/B "
            f"{ratio:7.3f} {result['spread']:6.0%}  {result['verdict']}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    isolate()
    if not options.json:
        print(f"# throughput; Linux {platform.release()}; {os.cpu_count()} CPUs")
    network = Network(Namespace.here("controller"))
    with tempfile.TemporaryDirectory(prefix="waymark-bench-") as name:
        directory = Path(name)
        compiled = compile_empty(directory)
        with network.peer:
            server = subprocess.Popen(["iperf3", "-s", "-6"], stdout=subprocess.DEVNULL)
        try:
            for protocol, gso, megabytes in _TRAFFIC:
                for space in (network.node, network.peer):
                    set_offloads(space, "data0", gso=gso, tso=gso)
                case = f"{protocol}/gso-{'on' if gso else 'off'}"
                size = megabytes // 4 if options.quick else megabytes
                rounds = [
                    measure(network, directory, compiled, protocol, size)
                    for _ in range(_ROUNDS)
                ]
                report(case, rounds, "empty", "none", options.json)
                report(case, rounds, "unmarked", "empty", options.json)
                report(case, rounds, "marked", "empty", options.json)
        finally:
            server.terminate()
            server.wait()
            network.close()


if __name__ == "__main__":
    main()
