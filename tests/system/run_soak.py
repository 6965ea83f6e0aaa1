#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Lets an agent bear bad clients for a while, and asks what it has kept: see lib/soak.py."""

import argparse
import contextlib
import os
import tempfile

from lib import net, soak
from lib.net import Namespace, Network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="how long (300)")
    seconds = parser.parse_args().seconds
    net.isolate()
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="waymark-"))
        os.chmod(directory, 0o755)
        network = stack.enter_context(contextlib.closing(Network(Namespace.here("controller"))))
        agent = stack.enter_context(soak.running_agent(network.node, directory))
        run = soak.Soak(agent)
        run.run(seconds)
        for level in (run.levels[0], run.levels[len(run.levels) // 3], run.levels[-1]):
            print(f"{level.memory / 2**20:.1f} MiB, {level.descriptors} descriptors")
        print(f"{len(run.levels)} rounds: the memory is back, nothing is left open")


if __name__ == "__main__":
    main()
