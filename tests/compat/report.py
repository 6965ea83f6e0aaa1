# SPDX-License-Identifier: Apache-2.0
"""What a kernel under test said, read and judged."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

SPLAT = re.compile(r"WARNING: |BUG: |Oops|Kernel panic|KASAN|rcu.*stall|soft lockup|hung task")
RESULT = re.compile(r"\[ +(OK|FAILED|ERROR|SKIPPED) +\] (\w+)$")
WHY = "skipped: "
NO_REASON = "no reason given"


@dataclass
class Program:
    """One program of the tests, which talks as cmocka does."""

    name: str
    status: int | None = None  # None: it never ended
    seconds: int = 0
    passed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)  # why
    parts: list[str] = field(default_factory=list)  # left out within tests that went on
    output: list[str] = field(default_factory=list)

    def is_good(self) -> bool:
        """Of nothing that ran one cannot say so."""
        return self.status == 0 and not self.failed and bool(self.passed or self.skipped)

    def add(self, line: str) -> None:
        self.output.append(line)
        if line.startswith(WHY):
            self.parts.append(line.removeprefix(WHY))
        result = RESULT.match(line)
        if not result:
            return
        outcome, test = result.groups()
        if outcome == "OK":
            self.passed.append(test)
        elif outcome == "SKIPPED":
            if test not in self.skipped:  # it is named again at the end
                self.skipped[test] = self._reason()
        elif test not in self.failed:
            self.failed.append(test)

    def _reason(self) -> str:
        """The line before the verdict, if it is one."""
        said = len(self.output) > 1 and self.output[-2].startswith(WHY)
        return self.parts.pop() if said else NO_REASON


@dataclass
class Report:
    release: str = ""
    programs: list[Program] = field(default_factory=list)
    is_complete: bool = False

    def faults(self, expected: Iterable[str], console: str) -> list[str]:
        """All that speaks against this kernel or this agent."""
        found = [f"{program.name} failed" for program in self.programs if not program.is_good()]
        found += [
            f"{program.name}: {test} was skipped, and nobody says why"
            for program in self.programs
            for test, reason in program.skipped.items()
            if reason == NO_REASON
        ]
        ran = {program.name for program in self.programs}
        found += [f"{name} did not run" for name in expected if name not in ran]
        if not self.is_complete:
            found.append("the kernel did not come to the end")
        return found + [f"console: {line}" for line in console.splitlines() if SPLAT.search(line)]


def parse(text: str) -> Report:
    report = Report()
    program = None
    for line in text.replace("\r", "").splitlines():
        word, _, rest = line.partition(" ")
        if word == "@kernel":
            report.release = rest
        elif word == "@begin":
            program = Program(rest)
            report.programs.append(program)
        elif word == "@end" and program:
            program.status, program.seconds = map(int, rest.split())
            program = None
        elif word == "@done":
            report.is_complete = True
        elif program:
            program.add(line)
    return report
