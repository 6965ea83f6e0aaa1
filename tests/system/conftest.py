# SPDX-License-Identifier: Apache-2.0
"""What every system test stands on.

This process is the controller, in a namespace of its own; node and peer are two more.
WAYMARK_BIN says which waymarkd and waymark are tested; default: build/dev/bin.
With --target the contract suite is run against an agent that is there already, and nothing else.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lib import net
from lib.agent import BINARIES, Agent, clean
from lib.capture import Capture
from lib.client import Client, Tls
from lib.neighbours import has_tcx
from lib.net import NODE_INTERFACE, Namespace, Network
from lib.send import Sink


def pytest_addoption(parser):
    group = parser.getgroup("waymark")
    group.addoption("--target", help="run the contract suite against this agent, as an admin of it")
    for name in ("ca", "certificate", "key"):
        group.addoption(f"--tls-{name}", type=Path, help="PEM file, where the target wants TLS")


def pytest_configure(config):
    config.tls = config.option.tls_ca and Tls(
        config.option.tls_ca, config.option.tls_certificate, config.option.tls_key
    )


def pytest_collection_modifyitems(config, items):
    """Somebody else's agent is no place for tests that count on having it for themselves."""
    if config.option.target:
        mine = [item for item in items if "contract" in item.path.parts]
        config.hook.pytest_deselected(items=[item for item in items if item not in mine])
        items[:] = mine


def pytest_sessionstart(session):
    if session.config.option.target:
        return
    if os.geteuid() != 0:
        pytest.exit("system tests need root: they make network namespaces", 2)
    for program in ("waymarkd", "waymark"):
        if not (BINARIES / program).exists():
            pytest.exit(f"{BINARIES / program} is missing: ./dev build dev makes it", 2)
    # Whoever ends us, fixtures clear up as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Before gRPC starts its threads: they stay where they were born.
    net.isolate()


@pytest.fixture(scope="session")
def network(pytestconfig):
    if pytestconfig.option.target:
        pytest.skip("needs an agent of its own")
    with contextlib.closing(Network(Namespace.here("controller"))) as network:
        yield network


@pytest.fixture(scope="session", autouse=True)
def sink(request, pytestconfig):
    if pytestconfig.option.target:
        yield None
        return
    with Sink(request.getfixturevalue("network").peer) as sink:
        yield sink


@pytest.fixture(scope="module")
def directory():
    """A directory that everybody may look into, with a short name, as sockets need it."""
    with tempfile.TemporaryDirectory(prefix="waymark-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture
def elsewhere():
    """A namespace for one more agent: only one runs in each."""
    with contextlib.closing(Namespace.new("elsewhere")) as space:
        yield space


@pytest.fixture(scope="module")
def start_agent(network, directory):
    """Starts agents, on the node's interface if nothing else is said, and a unix socket; each must end in good health."""
    count = 0
    with contextlib.ExitStack() as agents:

        def start(
            *options: str,
            interface: str = NODE_INTERFACE,
            space: Namespace = network.node,
            listen: str = "",
            **more,
        ) -> Agent:
            nonlocal count
            count += 1
            target = listen or f"unix:{directory}/agent-{count}.sock"
            agent = Agent(
                space,
                "--interface",
                interface,
                "--listen",
                target,
                *options,
                echo=lambda line: print(line, file=sys.stderr),
                **more,
            )
            agent.target = target
            agents.push(agent)
            return agent.wait_ready()

        yield start


@pytest.fixture(scope="module")
def agent(start_agent):
    """One agent for all tests of a module; modules that want another one override this."""
    return start_agent()


@pytest.fixture(scope="session")
def bpf_file_system():
    """One of our own: nobody else's pins are in it, and none of ours stay."""
    with tempfile.TemporaryDirectory(prefix="waymark-bpf-") as name:
        subprocess.run(["mount", "-t", "bpf", "bpf", name], check=True)
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", name], check=True)


@pytest.fixture
def pin_dir(bpf_file_system):
    path = bpf_file_system / "waymark"
    yield path
    assert not path.exists()


@pytest.fixture
def state_dir():
    """Where the agents of start_pinned keep their marks."""
    with tempfile.TemporaryDirectory(prefix="waymark-state-") as name:
        yield Path(name)


@pytest.fixture
def start_pinned(network, directory, pin_dir, state_dir):
    """Starts agents that pin, one after the other; what they leave is taken off in the end."""
    target = f"unix:{directory}/pinned.sock"
    with contextlib.ExitStack() as agents:
        agents.callback(clean, network.node, pin_dir)

        def start(*options: str) -> Agent:
            agent = Agent(
                network.node,
                "--interface",
                NODE_INTERFACE,
                "--listen",
                target,
                "--pin-dir",
                str(pin_dir),
                "--state-dir",
                str(state_dir),
                *options,
                echo=lambda line: print(line, file=sys.stderr),
            )
            agent.target = target
            agents.push(agent)
            return agent.wait_ready()

        yield start


@pytest.fixture
def client(agent):
    """A client of the agent, as root on its unix socket. The test's marks go with it."""
    with Client(agent.target) as client:
        client.wait_serving()
        yield client
        for mark in client.marks():
            client.clear(mark.match, owner=mark.owner)
        assert client.marks() == []


@pytest.fixture
def destination(network):
    """An address of the peer that no other test uses."""
    return network.new_destination()


@pytest.fixture
def capture(network):
    with Capture(network.peer, "data0") as capture:
        yield capture


@pytest.fixture(scope="module", params=["tcx", "clsact"])
def attach_mode(request):
    if request.param == "tcx" and not has_tcx():
        pytest.skip("this kernel has no tcx (Linux 6.6 and later have it)")
    return request.param
