# SPDX-License-Identifier: Apache-2.0
"""One model-based run: eight clients, a watch, and afterwards the verdict on all of it."""

import contextlib
import threading
import time
from ipaddress import IPv6Network
from typing import NamedTuple

from lib import pb
from lib.agent import Agent
from lib.client import Client
from lib.history import SECOND, content_of
from lib.judge import Judge
from lib.maps import Maps, expected
from lib.net import NODE_INTERFACE, Network
from lib.players import Player, Table, make_matches
from lib.tls import Authority
from lib.watch import Watch, dump, key, state

wm = pb.waymark
OWNERS = ("alpha", "beta", "gamma")
PLAYERS = 8  # the last acts for whomever it likes
KEYS = 200
PREFIX = IPv6Network("2001:db8:ed::/64")
_TARGET = f"[{Network.agent_address}]:50551"
_CONFIG = "capacity: {marks: 4096, networks: 1024}\n"


class Record(NamedTuple):
    """All that is known of a run."""

    matches: list
    calls: list
    events: list
    head: int  # the last revision


class Verdict(NamedTuple):
    """What was played and found right."""

    calls: int
    updates: int
    revisions: int
    refusals: dict[str, int]
    seen: int  # events of the watch
    seconds: float


@contextlib.contextmanager
def running_agent(network: Network, directory, pin_dir, echo=lambda line: None):
    """An agent that pins its maps, audits every second, and lets the players in."""
    authority = Authority(directory / "pki")
    config = directory / "model.yaml"
    config.write_text(_CONFIG, encoding="ascii")
    socket = f"unix:{directory}/model.sock"
    options = ["--config", config, "--interface", NODE_INTERFACE, "--listen", socket]
    options += ["--listen", _TARGET, "--pin-dir", pin_dir, "--audit-interval", "1s"]
    options += authority.agent("node.example.org", Network.agent_address)
    with Agent(network.node, *map(str, options), echo=echo) as agent:
        agent.target, agent.authority = socket, authority
        yield agent.wait_ready()


def run(agent, pin_dir, seed: int, updates: int) -> tuple[Verdict, Record]:
    """Plays so many updates and judges them; AssertionError if anything is wrong."""
    matches = make_matches(PREFIX, KEYS)
    table = Table(matches, updates)
    begin = time.monotonic()
    with Client(agent.target) as admin, Watch(admin.wait_serving()) as watch:
        watch.wait_synced()
        assert watch.header.revision == 0, "the model begins with an empty store"
        _play(agent.authority, table, seed)
        _wait_settled(admin)
        head = admin.stats().header.revision
        watch.wait_revision(head, timeout=60)
        judge = Judge(matches, table.calls, watch.events)
        model = judge.judge(head)
        _compare(admin, watch, matches, model, Maps(pin_dir))
    verdict = Verdict(
        calls=len(table.calls),
        updates=sum(len(call.updates) for call in table.calls),
        revisions=head,
        refusals=dict(judge.refusals),
        seen=len(watch.events),
        seconds=time.monotonic() - begin,
    )
    return verdict, Record(matches, table.calls, watch.events, head)


def _play(authority: Authority, table: Table, seed: int) -> None:
    names = [OWNERS[number % len(OWNERS)] for number in range(PLAYERS)]
    identities = {name: f"dns:{name}.example.org" for name in OWNERS}
    for identity in identities.values():
        table.leases[identity] = []
    failures: list[BaseException] = []

    def play(player: Player) -> None:
        try:
            player.play()
        except BaseException as failure:  # pylint: disable=broad-except
            failures.append(failure)
            table.remaining = 0

    with contextlib.ExitStack() as clients:
        threads = []
        for number, name in enumerate(names):
            is_own = number < PLAYERS - 1
            file = name if is_own else "admin"
            tls = authority.client(file, f"dns:{file}.example.org")
            client = clients.enter_context(Client(_TARGET, tls))
            player = Player(table, client, identities[name], is_own, seed * PLAYERS + number)
            threads.append(threading.Thread(target=play, args=(player,), name=f"player-{number}"))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]


def _wait_settled(admin: Client) -> None:
    """Until all that has a short lifetime is over."""
    end = time.monotonic() + 20
    while True:
        now = time.time_ns()
        ends = [mark.expire_time.ToNanoseconds() for mark in admin.marks()
                if mark.HasField("expire_time")]  # fmt: skip
        ends += [lease.expire_time.ToNanoseconds() for lease in admin.leases()]
        short = [moment for moment in ends if moment < now + 30 * SECOND]
        if not short:
            return
        assert time.monotonic() < end, f"{len(short)} lifetimes are over, and nothing happens"
        time.sleep(max(0.01, (max(short) - now) / SECOND))


def _compare(admin: Client, watch: Watch, matches, model, maps: Maps) -> None:
    """The model, the list, the two folds and the kernel's maps say the same."""
    listed = admin.marks()
    found = {key(mark.match): (mark.owner, content_of(mark), mark.revision) for mark in listed}
    wanted = {key(matches[number]): tuple(mark) for number, mark in model.items()}
    assert found == wanted, f"the list and the model differ: {found.items() ^ wanted.items()}"
    assert len(listed) == len(found)
    assert watch.fold == state(listed)
    assert dump(admin).fold == state(listed)
    assert maps.contents() == expected(listed)
    assert admin.stats().audit_repairs == 0
