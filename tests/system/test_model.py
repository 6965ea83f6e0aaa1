# SPDX-License-Identifier: Apache-2.0
"""Random histories of all that can be written, by eight clients at once, against a model.

run_model.py plays longer ones, and any seed again.
"""

import copy
import os
import random

import pytest

from lib import model, pb
from lib.judge import Judge, Wrong

wm = pb.waymark
SEED = int(os.environ.get("WAYMARK_SEED", random.SystemRandom().randrange(1 << 32)))
UPDATES = 100_000


def play(network, directory, pin_dir, updates: int):
    print(f"run_model.py --seed {SEED} --updates {updates}")
    with model.running_agent(network, directory, pin_dir, echo=print) as agent:
        return model.run(agent, pin_dir, SEED, updates)


@pytest.fixture
def cleaned(start_pinned):
    """Takes off what the agent leaves pinned."""


def test_random_histories_have_one_order(network, directory, pin_dir, cleaned):
    verdict, _ = play(network, directory, pin_dir, UPDATES)
    print(verdict)
    assert verdict.updates >= UPDATES * 0.95
    # A run that tried nothing hard would prove nothing.
    assert {"NOT_PRIMARY", "NOT_OWNER", "MARK", "REVISION_MISMATCH", "LEASE"} <= {*verdict.refusals}


# ---- would it be seen? ----


def results(record):
    for call in record.calls:
        for number, result in enumerate(call.results):
            if not call.validate_only:
                yield call, number, result


def change_outcome(draw, record) -> None:
    """A change that is told as another one."""
    call, number, result = draw.choice(
        [told for told in results(record) if told[2].outcome in (1, 2)]
    )
    call.results[number] = result._replace(outcome=3 - result.outcome)


def lose_write(draw, record) -> None:
    """A clear that found nothing where there was a mark."""
    call, number, result = draw.choice(
        [told for told in results(record) if told[2].outcome == wm.OUTCOME_REMOVED]
    )
    call.results[number] = result._replace(outcome=wm.OUTCOME_ABSENT, revision=0)


def accept_foreign(draw, record) -> None:
    """A mark of another owner that was left alone, and is said to be equal."""
    call, number, result = draw.choice(
        [told for told in results(record) if told[2].reason == "NOT_OWNER"]
    )
    call.results[number] = result._replace(outcome=wm.OUTCOME_UNCHANGED, reason="", revision=1)


def lose_removal(draw, record) -> None:
    """A removal that no watch was told of."""
    record.events.remove(draw.choice([event for event in record.events if event.removed]))


def expire_early(draw, record) -> None:
    """A mark that went before its time."""
    event = draw.choice([event for event in record.events if event.reason == 3])
    place = record.events.index(event)
    record.events[place] = event._replace(time=event.time - 20 * model.SECOND)


def fence_nobody(draw, record) -> None:
    """A stale primary whose write went through."""
    shown = {}
    writes = [call for call in record.calls if call.changes and call.is_own]
    for call in sorted(writes, key=lambda call: call.revision):
        if call.election > 1 and shown.setdefault(call.owner, call.election) < call.election:
            call.election = 0
            return


def refuse_wrongly(draw, record) -> None:
    """A create that was refused for a mark that was not there."""
    calls = [call for call in record.calls if call.method == "SetMark" and call.results
             and call.results[0].outcome == wm.OUTCOME_CREATED]  # fmt: skip
    call = draw.choice(calls)
    call.refusal, call.results, call.revision = "NOT_OWNER", [], 0


@pytest.mark.parametrize("runs", [3])
def test_what_is_wrong_is_seen(network, directory, pin_dir, cleaned, runs):
    """A history that was right, and each time one thing in it that was not."""
    _, record = play(network, directory, pin_dir, 8_000)
    draw = random.Random(SEED)
    for falsify in (
        change_outcome,
        lose_write,
        accept_foreign,
        lose_removal,
        expire_early,
        fence_nobody,
        refuse_wrongly,
    ):
        for _ in range(runs):
            false = record._replace(
                calls=copy.deepcopy(record.calls), events=[*record.events]
            )
            falsify(draw, false)
            with pytest.raises(Wrong):
                Judge(false.matches, false.calls, false.events).judge(false.head)
                pytest.fail(falsify.__doc__)
