# SPDX-License-Identifier: Apache-2.0
"""docs/api.md: every decision that it states has tests, and every test that it names exists."""

import ast
import re

from lib import REPOSITORY

_PAGE = (REPOSITORY / "docs/api.md").read_text(encoding="utf-8")
_TESTS = REPOSITORY / "tests"
_DECISIONS = range(1, 36)


def stated() -> set[int]:
    return {int(number) for number in re.findall(r"^(\d+)\. ", _PAGE, re.MULTILINE)}


def table() -> dict[int, list[str]]:
    """Tests by the number of the decision: "folder/file::test", or "::test" of the same file."""
    rows = {}
    for number, cell in re.findall(r"^\| (\d+) \| (.*) \|$", _PAGE, re.MULTILINE):
        file, rows[int(number)] = "", []
        for name in re.findall(r"`([^`]*)`", cell):
            file = name.partition("::")[0] or file
            rows[int(number)].append(f"{file}::{name.partition('::')[2]}")
    return rows


def named_in(file: str) -> set[str]:
    text = (_TESTS / file).read_text(encoding="utf-8")
    if file.endswith(".py"):
        functions = (node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef))
        return {node.name for node in functions if node.name.startswith("test_")}
    # Of C those that are run.
    return set(re.findall(r"(?:cmocka_unit_test\w*|TEST)\(\s*(\w+)", text))


def test_every_decision_that_is_stated_is_tested():
    assert stated() <= {*_DECISIONS}
    assert {number for number, tests in table().items() if tests} == stated()


def test_every_test_that_is_named_exists():
    missing = []
    for number, tests in table().items():
        for name in tests:
            file, _, test = name.partition("::")
            if not (_TESTS / file).is_file() or test not in named_in(file):
                missing.append((number, name))
    assert not missing
