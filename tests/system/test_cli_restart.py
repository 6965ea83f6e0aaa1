# SPDX-License-Identifier: Apache-2.0
"""`waymark watch` while its agent dies and comes back."""

import signal

from lib.cli import Watch
from lib.client import Client


def test_watch_goes_on_after_a_restart(start_pinned, network):
    first, second = network.new_destination(), network.new_destination()
    agent = start_pinned()
    with Watch(agent.target) as watch:
        watch.synced()
        agent.kill()
        agent = start_pinned()
        with Client(agent.target) as client:
            client.wait_serving()
            client.set(first, flow_label=1)
            client.set(second, flow_label=1)
        changes = []
        while len(changes) < 2:
            line = watch.line()
            assert "reset" not in line
            changes += [line["mark"]["match"]["destination"]] if "mark" in line else []
        assert changes == [str(first), str(second)]
        watch.process.send_signal(signal.SIGINT)
        status, error = watch.end()
        assert status == 0 and "trying again" in error
