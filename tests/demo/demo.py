# SPDX-License-Identifier: Apache-2.0
"""Waymark at work, in a network of its own: marks set over gRPC, carried by real packets.

Three network namespaces: a controller, a node with the agent, a peer that captures what arrives.
Whatever arrives is compared with what was asked for; any difference ends in exit status 1.
"""

import argparse
import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests/system"))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
from lib.agent import Agent
from lib.capture import Capture
from lib.net import NODE_INTERFACE, SINKS, Namespace, Network
from lib.packet import ENTROPY_MASK, Packet, encode_label
from lib.send import TCP_PORT, UDP_PORT, Sink
from lib.tls import Authority

REGISTRY = REPOSITORY / "agent/core/scitags-registry.json"
AGENT_PORT = 50551
CONTROLLER = "spiffe://example.org/controller"
# What this controller needs, and no more.
POLICY = f"""\
rules:
  - identity: "{CONTROLLER}"
    role: writer
    owner: controller
    experiments: [cms, atlas]
    raw_labels: true
    destinations: ["{SINKS}"]
    quota: 10
"""
MESSAGE = bytes(1000)
MARKED_MESSAGES = 6


@dataclass
class Flow:
    """A conversation from the node to an address of the peer, and what becomes of it."""

    protocol: str
    options: list[str]  # of `waymark set`; none: never marked
    scitag: tuple[int, int] | None = None
    raw_label: int | None = None
    destination: IPv6Address = IPv6Address("::")
    own_label: int = 0  # the kernel's own, as seen before the first mark
    stream: socket.socket | None = None

    @property
    def port(self) -> int:
        return self.stream.getsockname()[1]

    def marked_label(self) -> int:
        if self.scitag:
            return encode_label(*self.scitag) | self.own_label & ENTROPY_MASK
        return self.own_label if self.raw_label is None else self.raw_label


@dataclass
class Tally:
    """What was seen against what was expected."""

    seen: int = 0
    good: int = 0
    failures: list[str] = field(default_factory=list)

    def packet(self, good: bool) -> str:
        self.seen += 1
        self.good += good
        return "ok" if good else "WRONG"


class Names:
    """The SciTags registry, to say in words what arrived."""

    def __init__(self, path: Path):
        self._names = {
            experiment["expId"]: (
                experiment["expName"],
                {a["activityId"]: a["activityName"] for a in experiment["activities"]},
            )
            for experiment in json.loads(path.read_text(encoding="utf-8"))["experiments"]
        }

    def ids(self, experiment: str, activity: str) -> tuple[int, int]:
        for experiment_id, (name, activities) in self._names.items():
            for activity_id, activity_name in activities.items():
                if (name, activity_name) == (experiment, activity):
                    return experiment_id, activity_id
        raise KeyError(f"{experiment}/{activity}")

    def describe(self, experiment: int, activity: int) -> tuple[str, str]:
        name, activities = self._names.get(experiment, (str(experiment), {}))
        return name, activities.get(activity, str(activity))


class Cli:
    """`waymark` as the controller runs it."""

    def __init__(self, program: Path, space: Namespace, environment: dict[str, str]):
        self._program = program
        self._space = space
        self._environment = environment

    def show(self, *arguments: str) -> None:
        """Runs a command in front of the audience."""
        print(f"controller$ waymark {shlex.join(arguments)}")
        print(self._run(*arguments), end="", flush=True)

    def counters(self) -> dict[IPv6Address, tuple[int, int]]:
        """(packets, bytes) of every mark, as the agent counts them."""
        answer = json.loads(self._run("-o", "json", "list", "--counters"))
        return {
            IPv6Address(mark["match"]["destination"]): (
                int(mark["counters"].get("packets", 0)),
                int(mark["counters"].get("bytes", 0)),
            )
            for mark in answer["marks"]
        }

    def _run(self, *arguments: str) -> str:
        with self._space:
            done = subprocess.run(
                [self._program, *arguments],
                env=os.environ | self._environment,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        return done.stdout


class Demo:
    """The stage: a network, an agent, a controller, flows and a capture."""

    def __init__(self, binaries: Path):
        self._binaries = binaries
        self.names = Names(REGISTRY)
        self.tally = Tally()
        self.flows = [
            self._scitag_flow("tcp", "cms", "Analysis Input"),
            self._scitag_flow("udp", "atlas", "Production Output"),
            Flow("udp", ["--label", "0xABCDE"], raw_label=0xABCDE),
            Flow("udp", []),
        ]

    def run(self) -> None:
        with contextlib.ExitStack() as stack:
            self._set_up(stack)
            self._before()
            self._marked()
            self._cleared()

    def _scitag_flow(self, protocol: str, experiment: str, activity: str) -> Flow:
        options = ["--scitag", f"{experiment}/{activity}"]
        return Flow(protocol, options, scitag=self.names.ids(experiment, activity))

    # ---- the stage ----

    def _set_up(self, stack: contextlib.ExitStack) -> None:
        heading("A private network")
        self._network = network = Network(Namespace.new("controller"))
        stack.callback(network.close)
        # One packet on the wire for each line below, no segmentation behind the capture.
        network.node.run("ip", "link", "set", NODE_INTERFACE, "gso_max_segs", "1")
        print(f"controller --[mutual TLS, {network.agent_address}]-- node --[marked]-- peer")
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="waymark-demo-")))
        self._start_agent(stack, directory)
        stack.enter_context(Sink(network.peer))
        self._capture = stack.enter_context(Capture(network.peer, "data0"))
        for flow in self.flows:
            flow.destination = network.new_destination()
            flow.stream = stack.enter_context(self._open(flow))

    def _start_agent(self, stack: contextlib.ExitStack, directory: Path) -> None:
        authority = Authority(directory)
        target = f"[{self._network.agent_address}]:{AGENT_PORT}"
        tls = authority.agent(self._network.agent_address, policy=POLICY)
        controller = authority.client("controller", CONTROLLER)
        options = ["--interface", NODE_INTERFACE, "--listen", target, *tls]
        agent = Agent(self._network.node, *options, binaries=self._binaries)
        stack.enter_context(agent)
        agent.wait_ready()
        files = {"CA": controller.ca, "CERT": controller.certificate, "KEY": controller.key}
        environment = {f"WAYMARK_TLS_{name}": str(file) for name, file in files.items()}
        environment["WAYMARK_TARGET"] = target
        shown = [option.rpartition("/")[2] for option in options]
        print(f"node$ waymarkd {' '.join(shown[:4])} \\\n        {' '.join(shown[4:])}")
        for name, value in environment.items():
            print(f"controller$ export {name}={value.rpartition('/')[2]}")
        self._cli = Cli(self._binaries / "waymark", self._network.controller, environment)

    def _open(self, flow: Flow) -> socket.socket:
        kind, port = {
            "tcp": (socket.SOCK_STREAM, TCP_PORT),
            "udp": (socket.SOCK_DGRAM, UDP_PORT),
        }[flow.protocol]
        stream = self._network.node.socket(socket.AF_INET6, kind)
        if flow.protocol == "tcp":
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream.connect((str(flow.destination), port))
        return stream

    # ---- the acts ----

    def _before(self) -> None:
        heading("Before: every flow carries the label that the kernel gave it")
        print_header()
        for flow in self.flows:
            arrived = self._send(flow, 1)
            flow.own_label = arrived[-1].flow_label
            self._print(flow, arrived, flow.own_label, marked=False)

    def _marked(self) -> None:
        heading("The controller asks what it may do")
        self._cli.show("whoami")
        heading("The controller sets marks")
        for flow in self.flows:
            if flow.options:
                self._cli.show("set", str(flow.destination), *flow.options)
        heading("The next packets, as they arrive at the peer")
        print_header()
        captured = {}
        for flow in self.flows:
            arrived = self._send(flow, MARKED_MESSAGES if flow.options else 2)
            self._print(flow, arrived, flow.marked_label(), marked=bool(flow.options))
            if flow.options:
                captured[flow.destination] = (
                    sum(packet.segments for packet in arrived),
                    sum(packet.wire_bytes for packet in arrived),
                )
        self._compare(captured)

    def _compare(self, captured: dict[IPv6Address, tuple[int, int]]) -> None:
        heading("The agent's counters beside the capture")
        self._cli.show("list")
        counted = self._cli.counters()
        print(f"\n{'destination':<18}{'counted':>24}{'captured':>26}")
        for destination in sorted(captured | counted):
            left, right = counted.get(destination), captured.get(destination)
            texts = ["{} packets, {} bytes".format(*pair) if pair else "none" for pair in (left, right)]
            verdict = "equal" if left == right else "DIFFERENT"
            print(f"{destination!s:<18}{texts[0]:>24}{texts[1]:>26}  {verdict}")
            if left != right:
                self.tally.failures.append(f"counters of {destination} differ from the capture")

    def _cleared(self) -> None:
        heading("The controller clears the marks")
        for flow in self.flows:
            if flow.options:
                self._cli.show("clear", str(flow.destination))
        heading("The next packets are as the kernel made them")
        print_header()
        for flow in self.flows:
            self._print(flow, self._send(flow, 2), flow.own_label, marked=False)

    # ---- packets ----

    def _send(self, flow: Flow, messages: int) -> list[Packet]:
        """Sends messages on a flow; answers the packets that arrived for them."""

        def ours(packet: Packet) -> bool:
            # Bare acknowledgements belong to TCP's handshake, before the first act.
            same = (packet.destination, packet.source_port) == (flow.destination, flow.port)
            return same and bool(packet.payload)

        before = self._capture.packets(ours)
        wanted = payload(before) + messages * len(MESSAGE)
        for _ in range(messages):
            flow.stream.sendall(MESSAGE)
        arrived = self._capture.wait_until(
            lambda found: payload(found) >= wanted,
            ours,
            timeout=10,
            describe=lambda found: f"{wanted} bytes to {flow.destination}, {payload(found)} came",
        )
        return arrived[len(before) :]

    def _print(self, flow: Flow, arrived: list[Packet], expected: int, marked: bool) -> None:
        for packet in arrived:
            verdict = self.tally.packet(packet.flow_label == expected)
            # A label that nobody marked is random and says nothing.
            names = self.names.describe(*packet.scitag) if marked and flow.scitag else ("-", "-")
            label = f"0x{packet.flow_label:05X}"
            print_row(packet.destination, flow.protocol, packet.wire_bytes, label, *names, verdict)


def print_row(*cells) -> None:
    print("{!s:<16}{:<6}{!s:>5}  {:<9}{:<12}{:<20}{}".format(*cells).rstrip())


def print_header() -> None:
    print_row("destination", "", "bytes", "label", "experiment", "activity", "")


def payload(packets: list[Packet]) -> int:
    return sum(len(packet.payload) for packet in packets)


def heading(text: str) -> None:
    print(f"\n== {text}", flush=True)


def unwind_on_signals() -> None:
    """Lets a signal that ends the program clear up, as Ctrl-C does."""

    def end(number: int, _) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=Path, required=True, help="directory of the programs")
    binaries = parser.parse_args().bin.resolve()
    if os.geteuid() != 0:
        sys.exit("demo: needs root, for it makes network namespaces")
    unwind_on_signals()
    demo = Demo(binaries)
    try:
        demo.run()
    except (AssertionError, OSError, RuntimeError, subprocess.CalledProcessError) as error:
        sys.exit(f"demo: {error}")
    tally = demo.tally
    print()
    for failure in tally.failures:
        print(f"demo: {failure}")
    print(f"demo: {tally.good} of {tally.seen} packets carried the expected mark")
    return 0 if tally.good == tally.seen > 0 and not tally.failures else 1


if __name__ == "__main__":
    sys.exit(main())
