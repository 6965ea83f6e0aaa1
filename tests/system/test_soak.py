# SPDX-License-Identifier: Apache-2.0
"""Slow watchers, cancelled and late calls, clients that vanish: run_soak.py in short."""

from lib import soak

SECONDS = 20


def test_bad_clients_leave_nothing_behind(network, directory):
    with soak.running_agent(network.node, directory) as agent:
        run = soak.Soak(agent)
        run.run(SECONDS)
    print(run.levels)
