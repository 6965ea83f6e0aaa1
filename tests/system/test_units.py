# SPDX-License-Identifier: Apache-2.0
"""What packaging/ gives systemd. Nothing is started: systemd says itself what it makes of it."""

import re
import shutil
import subprocess

import pytest

from lib import REPOSITORY
from lib.agent import BINARIES

EXPOSURE_MAX = 2.0
# What only the start makes, beside what agent/ops/syscalls.c allows afterwards.
START_CALLS = {
    "bpf",
    "capset",
    "landlock_add_rule",
    "landlock_create_ruleset",
    "landlock_restrict_self",
    "prctl",
    "seccomp",
}

pytestmark = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is missing (package systemd)"
)


def analyze(*arguments: str) -> str:
    command = ["systemd-analyze", "--no-pager", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=True
    ).stdout


@pytest.fixture
def unit(tmp_path):
    """The service as it is installed, but for the place of the program."""
    template = (REPOSITORY / "packaging/waymarkd.service.in").read_text(encoding="utf-8")
    path = tmp_path / "waymarkd.service"
    place = "@CMAKE_INSTALL_FULL_SBINDIR@/waymarkd"
    assert place in template
    path.write_text(template.replace(place, str(BINARIES / "waymarkd")), encoding="utf-8")
    return path


def test_the_service_is_little_exposed(unit):
    shown = analyze("security", "--offline=true", f"--threshold={int(EXPOSURE_MAX * 10)}", str(unit))
    (exposure,) = re.findall(r"Overall exposure level for waymarkd\.service: ([\d.]+)", shown)
    assert float(exposure) <= EXPOSURE_MAX


def calls_of(group: str) -> set[str]:
    """System calls of a group and of the groups in it."""
    found = set()
    for line in analyze("syscall-filter", group).splitlines()[1:]:
        name = line.strip()
        if name.startswith("@"):
            found |= calls_of(name)
        elif name and not name.startswith("#"):
            found.add(name)
    return found


def test_the_service_may_make_the_calls_that_it_makes(unit):
    filters = re.findall(r"^SystemCallFilter=(.*)$", unit.read_text(encoding="utf-8"), re.M)
    allowed = calls_of("@default")
    for word in " ".join(filters).split():
        allowed |= calls_of(word) if word.startswith("@") else {word}
    source = (REPOSITORY / "agent/ops/syscalls.c").read_text(encoding="utf-8")
    source = re.sub(r"#ifdef __SANITIZE_ADDRESS__.*?#endif", "", source, flags=re.S)
    serving = set(re.findall(r"\bCALL\((\w+)\)", source)) - {"name"}
    assert len(serving) > 100
    assert serving | START_CALLS <= allowed
