# SPDX-License-Identifier: Apache-2.0
"""The contract suite: what any agent must do, seen through gRPC and packets alone.

By default it starts its own agent. With `--target ADDRESS` (and --tls-...) it talks to one that
is there already, as an admin: tests that need an agent of their own are skipped, the others keep
to owners and to a prefix of their own and clear up behind them.
"""

import contextlib
import itertools
import secrets
from ipaddress import IPv6Network
from types import SimpleNamespace

import pytest

from lib import pb
from lib.client import Client
from lib.net import Network
from lib.tls import Authority

wm = pb.waymark
_SESSION = secrets.token_hex(2)
_TLS_TARGET = f"[{Network.agent_address}]:50551"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="session")
def tls_listener(authority):
    """Options of an agent that `controller` can reach."""
    return ("--listen", _TLS_TARGET, *authority.agent("node.example.org", Network.agent_address))


@pytest.fixture(scope="module")
def agent(request, pytestconfig):
    """The agent under test."""
    if pytestconfig.option.target:
        return SimpleNamespace(target=pytestconfig.option.target)
    return request.getfixturevalue("start_agent")(*request.getfixturevalue("tls_listener"))


@pytest.fixture
def admin(agent, pytestconfig):
    """The caller's own connection, acting for itself."""
    with Client(agent.target, pytestconfig.tls) as admin:
        yield admin.wait_serving()


@pytest.fixture
def new_owner(admin):
    """Makes clients that act for owners which nobody else has; what they leave is removed."""
    made = []

    def new_owner() -> Client:
        made.append(admin.acting_for(f"contract-{_SESSION}-{next(_numbers)}"))
        return made[-1]

    yield new_owner
    for client in made:
        client.replace([], allow_empty=True)
        for lease in client.leases(owner=client.owner):
            client.revoke(lease.lease_id)


@pytest.fixture
def client(new_owner):
    """The connection, acting for an owner of the test's own."""
    return new_owner()


@pytest.fixture
def other(new_owner):
    """Likewise, for another owner."""
    return new_owner()


@pytest.fixture
def controller(agent, network, authority):
    """Makes connections by the name in their certificate: equal names are replicas of one owner.

    Each test has names of its own, for an election that was shown is never forgotten.
    """
    with contextlib.ExitStack() as clients:
        suffix = next(_numbers)

        def controller(name: str) -> Client:
            dns = f"{name}-{suffix}.example.org"
            tls = authority.client(dns, f"dns:{dns}")
            return clients.enter_context(Client(_TLS_TARGET, tls))

        yield controller


@pytest.fixture
def prefix() -> IPv6Network:
    """A /64 in which no other test has a mark."""
    return IPv6Network(f"2001:db8:{_SESSION}:{next(_numbers):x}::/64")


@pytest.fixture
def hosts(prefix):
    """Answers so many addresses of the prefix that the test has not used yet."""
    numbers = itertools.count(1)
    return lambda count: [str(prefix[number]) for number in itertools.islice(numbers, count)]


@pytest.fixture
def host(hosts) -> str:
    return hosts(1)[0]


@pytest.fixture
def listed(admin, prefix):
    """Lists what is there of the test's prefix."""
    return lambda **request: admin.marks(filter={"destination_prefix": str(prefix)}, **request)
