# SPDX-License-Identifier: Apache-2.0
"""Nothing but a full run without a complaint is good."""

import pytest

from report import parse

GOOD = """@kernel 5.10.0
@begin bpf_one
[ RUN      ] works
[       OK ] works
[ RUN      ] lacks
skipped: this kernel has no tcx
[  SKIPPED ] lacks
@end 0 1
@done
"""
NAMES = ["bpf_one"]


def test_good():
    report = parse(GOOD.replace("\n", "\r\n"))
    assert (report.release, report.faults(NAMES, "")) == ("5.10.0", [])
    (program,) = report.programs
    assert (program.passed, program.failed) == (["works"], [])
    assert program.parts == []
    assert program.skipped == {"lacks": "this kernel has no tcx"}


def test_parts_are_shown():
    (program,) = parse(GOOD.replace("[  SKIPPED", "[       OK")).programs
    assert (program.passed, program.parts) == (["works", "lacks"], ["this kernel has no tcx"])


@pytest.mark.parametrize(
    ("was", "becomes", "fault"),
    [
        ("[       OK ] works", "[  FAILED  ] works", "bpf_one failed"),
        ("@end 0", "@end 137", "bpf_one failed"),
        ("@end 0 1\n", "", "bpf_one failed"),
        ("@done", "", "the kernel did not come to the end"),
        ("skipped: this", "this", "bpf_one: lacks was skipped, and nobody says why"),
        ("bpf_one", "bpf_two", "bpf_one did not run"),
        ("[", "(", "bpf_one failed"),  # it said nothing
    ],
)
def test_bad(was, becomes, fault):
    assert was in GOOD
    assert parse(GOOD.replace(was, becomes)).faults(NAMES, "") == [fault]


def test_nothing_at_all():
    assert parse("").faults(NAMES, "") == ["bpf_one did not run", "the kernel did not come to the end"]


def test_the_console_counts():
    assert parse(GOOD).faults(NAMES, "fine\n[ 1.0] WARNING: CPU: 0\n") == [
        "console: [ 1.0] WARNING: CPU: 0"
    ]
