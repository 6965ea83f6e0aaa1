#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Plays random histories against an agent and judges them: see lib/model.py.

What each client tries follows from the seed; how the calls interleave is the machine's.
"""

import argparse
import contextlib
import os
import random
import subprocess
import tempfile
from pathlib import Path

from lib import model, net
from lib.agent import clean
from lib.net import Namespace, Network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--updates", type=int, default=100_000, help="of one run (100000)")
    parser.add_argument("--runs", type=int, default=1, help="with seeds that follow (1)")
    arguments = parser.parse_args()
    net.isolate()
    for seed in range(arguments.seed, arguments.seed + arguments.runs):
        print(f"seed {seed}:", end=" ", flush=True)
        print(play(seed, arguments.updates))


def play(seed: int, updates: int) -> model.Verdict:
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="waymark-")))
        os.chmod(directory, 0o755)
        pins = directory / "bpf"
        pins.mkdir()
        subprocess.run(["mount", "-t", "bpf", "bpf", pins], check=True)
        stack.callback(subprocess.run, ["umount", pins], check=True)
        network = stack.enter_context(contextlib.closing(Network(Namespace.here("controller"))))
        stack.callback(clean, network.node, pins / "waymark")
        agent = stack.enter_context(model.running_agent(network, directory, pins / "waymark"))
        verdict, _ = model.run(agent, pins / "waymark", seed, updates)
        return verdict


if __name__ == "__main__":
    main()
