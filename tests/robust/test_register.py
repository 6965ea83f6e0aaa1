# SPDX-License-Identifier: Apache-2.0
"""The judge of the crash loop must not be satisfied with anything."""

import pytest
from register import CREATED, REMOVED, UPDATED, Registers, Value, Write, Wrong

BEFORE = {1: Value(10, 3), 2: Value(11, 4)}


def registers() -> Registers:
    """Two registers hold something, a third one nothing; revision 5 was a removal."""
    made = Registers()
    made.values, made.revision = dict(BEFORE), 5
    return made


def acknowledged(key, version, outcome, revision, sent=0, answered=1) -> Write:
    return Write(key, version, sent, answered, outcome, revision)


def batch(*keys) -> list[Write]:
    return [Write(key, 20 + key, 0, batch=9, place=place) for place, key in enumerate(keys)]


# What was written, what is found of keys 1 to 3, and the newest revision.
POSSIBLE = {
    "nothing happened": ([], BEFORE, 5),
    "update": ([acknowledged(1, 20, UPDATED, 6)], BEFORE | {1: Value(20, 6)}, 6),
    "removal": ([acknowledged(1, 0, REMOVED, 6)], {2: BEFORE[2]}, 6),
    "unanswered, lost": ([Write(1, 20, 0)], BEFORE, 5),
    "unanswered, done": ([Write(1, 20, 0)], BEFORE | {1: Value(20, 6)}, 6),
    "unanswered, overtaken": (
        [Write(1, 20, 0), acknowledged(1, 21, UPDATED, 7)], BEFORE | {1: Value(21, 7)}, 7),
    "unanswered clear": ([Write(1, 0, 0)], {2: BEFORE[2]}, 6),
    "batch, done": (
        batch(1, 3), BEFORE | {1: Value(21, 6), 3: Value(23, 7)}, 7),
    "batch, overtaken": (
        [*batch(1, 3), acknowledged(1, 30, UPDATED, 8)],
        BEFORE | {1: Value(30, 8), 3: Value(23, 7)}, 8),
}  # fmt: skip

IMPOSSIBLE = {
    "lost": ([acknowledged(1, 20, UPDATED, 6)], BEFORE, 6),
    "forgotten without a crash": ([], {1: BEFORE[1]}, 5),
    "from nowhere": ([], BEFORE | {3: Value(9, 2)}, 5),
    "risen from the dead": ([acknowledged(1, 0, REMOVED, 6)], BEFORE, 6),
    "of another key": ([Write(2, 20, 0)], BEFORE | {1: Value(20, 6)}, 6),
    "unanswered, but older than what was acknowledged": (
        [Write(1, 20, 0), acknowledged(1, 21, UPDATED, 7)], BEFORE | {1: Value(20, 6)}, 7),
    "revision used twice": (
        [acknowledged(1, 20, UPDATED, 6), acknowledged(2, 21, UPDATED, 6)],
        {1: Value(20, 6), 2: Value(21, 6)}, 6),
    "revisions against time": (
        [acknowledged(1, 20, UPDATED, 7, 0, 1), acknowledged(2, 21, UPDATED, 6, 2, 3)],
        {1: Value(20, 7), 2: Value(21, 6)}, 7),
    "created what was there": (
        [acknowledged(1, 20, CREATED, 6)], BEFORE | {1: Value(20, 6)}, 6),
    "half a batch": (batch(1, 3), BEFORE | {1: Value(21, 6)}, 7),
    "the other half": (batch(1, 3), BEFORE | {3: Value(23, 7)}, 7),
    "batch in disorder": (batch(1, 3), BEFORE | {1: Value(21, 7), 3: Value(23, 6)}, 7),
    "head forgotten": ([acknowledged(1, 0, REMOVED, 6)], {2: BEFORE[2]}, 5),
    "head from nowhere": ([acknowledged(1, 0, REMOVED, 6)], {2: BEFORE[2]}, 7),
}  # fmt: skip


@pytest.mark.parametrize("name", POSSIBLE)
def test_possible(name):
    writes, found, revision = POSSIBLE[name]
    made = registers()
    made.settle(writes, dict(found), revision)
    assert (made.values, made.revision) == (found, revision)


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_impossible(name):
    writes, found, revision = IMPOSSIBLE[name]
    with pytest.raises(Wrong):
        registers().settle(writes, dict(found), revision)


def test_what_packets_may_carry():
    writes = [acknowledged(1, 20, UPDATED, 6), Write(1, 21, 0), Write(2, 0, 0), Write(3, 22, 0)]
    assert registers().possible(writes) == {1: {20, 21}, 2: {11, 0}, 3: {0, 22}}
