# SPDX-License-Identifier: Apache-2.0
"""Where the loops play: the network of the system tests, an agent that pins, and one clean-up.

WAYMARK_BIN says which waymarkd is tested, as in the system tests.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests/system"))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
from lib import net
from lib.agent import Agent, clean
from lib.net import NODE_INTERFACE, Namespace, Network
from lib.send import Sink

# Small tables: bpftool prints all of the marks.
_CAPACITIES = 1000, 1200


def arguments(text: str) -> argparse.ArgumentParser:
    """What every loop understands."""
    parser = argparse.ArgumentParser(description=text)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--short", action="store_true", help="the form of ./dev test")
    return parser


class Stage(contextlib.AbstractContextManager):
    """Network, directories, and one agent after the other that goes on where the last one was."""

    def __init__(self):
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        net.isolate()
        self._stack = contextlib.ExitStack()
        self.network = self._stack.enter_context(
            contextlib.closing(Network(Namespace.here("controller")))
        )
        self._stack.enter_context(Sink(self.network.peer))
        self.directory = Path(
            self._stack.enter_context(tempfile.TemporaryDirectory(prefix="waymark-"))
        )
        self.target = f"unix:{self.directory}/agent.sock"
        self.state_dir = self.directory / "state"
        self._configuration = self.directory / "waymark.yaml"
        self.capacity = _CAPACITIES[0]
        self.resize()
        self.pin_dir = self._mount() / "waymark"
        self._stack.callback(self.forget_pins)

    def _mount(self) -> Path:
        folder = self.directory / "bpf"
        folder.mkdir()
        subprocess.run(["mount", "-t", "bpf", "bpf", folder], check=True)
        self._stack.callback(subprocess.run, ["umount", folder], check=True)
        return folder

    def __exit__(self, *exception):
        self._stack.__exit__(*exception)

    def agent(self, *options: str, program: str = "waymarkd", **environment: str) -> Agent:
        """An agent that has just been started."""
        # fmt: off
        return Agent(self.network.node, "--config", str(self._configuration),
                     "--interface", NODE_INTERFACE, "--listen", self.target,
                     "--pin-dir", str(self.pin_dir), "--state-dir", str(self.state_dir),
                     *options, program=program, environment=environment)
        # fmt: on

    def resize(self) -> None:
        """The next agent has tables of another size than the last one."""
        self.capacity = sum(_CAPACITIES) - self.capacity
        text = f"capacity: {{marks: {self.capacity}, networks: {self.capacity}}}\n"
        self._configuration.write_text(text, encoding="ascii")

    def forget_pins(self) -> None:
        """What a reboot does to them. No agent runs."""
        if self.pin_dir.exists():
            clean(self.network.node, self.pin_dir)

    def forget_state(self) -> None:
        """A host that has never had an agent. No agent runs."""
        self.forget_pins()
        shutil.rmtree(self.state_dir)


def run(loop) -> None:
    """Ends the process as loop() says: an AssertionError is a finding."""
    try:
        loop()
    except AssertionError as finding:
        print(f"FOUND: {finding}", file=sys.stderr)
        sys.exit(1)
    finally:
        sys.stdout.flush()
