# SPDX-License-Identifier: Apache-2.0
"""The BPF programs' tests and the agent on other kernels, each in a machine of its own (qemu).

    compat.py --build BUILD --cache FOLDER [VERSION...]

A kernel that cannot be fetched is skipped, and so is a test that needs what a kernel lacks; both
are shown with the reason. Exit status 1 if anything fails, or if no kernel could be had.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

import kernels
import report
from initramfs import Initramfs

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
# Those of busybox are not what the tests know.
TOOLS = ("/usr/sbin/ip", "/usr/sbin/tc", "/usr/bin/nsenter", "/usr/bin/unshare")
# Kernel 6.12 panicked in the emulator of qemu 7.2 where it used cmpxchg16b; without it, it does
# not. "max" takes twice as long as this one.
CPU = "qemu64,+rdrand,-cx16"
SMOKE = Path("/usr/bin/agent")
PATIENCE = 900  # seconds from power on to power off


def bpf_tests(build: Path) -> dict[str, Path]:
    """As CTest knows them."""
    shown = subprocess.run(
        ["ctest", "--test-dir", build, "-L", "^bpf$", "--show-only=json-v1"],
        check=True,
        stdout=subprocess.PIPE,
    )
    tests = json.loads(shown.stdout)["tests"]
    return {test["name"]: Path(test["command"][0]) for test in tests}


def write_initramfs(
    path: Path, build: Path, kernel: kernels.Kernel, programs: dict[str, Path]
) -> None:
    binaries = build / "bin"
    with path.open("wb") as output:
        root = Initramfs(output)
        for folder in ("/dev", "/proc", "/run", "/sys", "/tmp", "/var/lib"):
            root.folder(folder)
        root.file(Path("/bin/busybox"))
        root.file(HERE / "guest/init", "/init")
        root.data("/etc/passwd", b"root:x:0:0::/:/bin/sh\n")
        root.data("/etc/group", b"root:x:0:\n")
        root.program(Path("/bin/dash"), "/bin/sh")  # that of busybox prefers its own ip and tc
        for tool in TOOLS:
            root.program(Path(tool))
        for name in ("waymarkd", "waymark", "packet_label"):
            root.program(binaries / name, f"/usr/bin/{name}")
        root.file(HERE / "guest/agent", str(SMOKE))
        # Where they were built, for that is where they look for their data and each other.
        for program in {*programs.values(), binaries / "previous_agent"} - {SMOKE}:
            root.program(program)
        for data in [*TESTS.glob("data/*.csv"), TESTS / "bpf/verifier-budget.txt"]:
            root.file(data)
        lines = [f"{name} {program}\n" for name, program in programs.items()]
        root.data("/programs", "".join(lines).encode())
        root.tree(kernel.modules, "/lib/modules")
        root.end()


def boot(kernel: kernels.Kernel, initramfs: Path, console: Path, results: Path) -> None:
    command = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", CPU, "-smp", "2", "-m", "1024"]
    command += ["-nodefaults", "-display", "none", "-no-reboot"]
    command += ["-kernel", str(kernel.image), "-initrd", str(initramfs)]
    command += ["-append", "console=ttyS0 panic=-1 quiet"]
    command += ["-serial", f"file:{console}", "-serial", f"file:{results}"]
    with contextlib.suppress(subprocess.TimeoutExpired):  # the report says what is missing
        subprocess.run(command, check=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)


def show(found: report.Report, faults: list[str], seconds: float) -> None:
    passed = sum(len(program.passed) for program in found.programs)
    skipped = sum(len(program.skipped) for program in found.programs)
    slow = sorted(found.programs, key=lambda program: -program.seconds)
    for program in found.programs:
        for test, reason in program.skipped.items():
            print(f"  SKIPPED {program.name} {test}: {reason}")
        for part in program.parts:
            print(f"  SKIPPED {program.name}, a part: {part}")
        if not program.is_good():
            print(f"  FAILED {program.name}, status {program.status}:")
            print("".join(f"    | {line}\n" for line in program.output), end="")
    for fault in faults:
        print(f"  FAULT {fault}")
    print(
        f"  {len(found.programs)} programs, {passed} tests passed, {skipped} skipped, "
        f"{len(faults)} faults, {seconds:.0f} s; longest:",
        ", ".join(f"{program.name} {program.seconds} s" for program in slow[:4]),
        flush=True,
    )


def check(kernel: kernels.Kernel, build: Path, cache: Path, programs: dict[str, Path]) -> bool:
    folder = cache / f"run-{kernel.version}"
    folder.mkdir(exist_ok=True)
    initramfs, console, results = (folder / name for name in ("initramfs", "console", "results"))
    results.write_bytes(b"")
    begin = time.monotonic()
    write_initramfs(initramfs, build, kernel, programs)
    boot(kernel, initramfs, console, results)
    found = report.parse(results.read_text(errors="replace"))
    faults = found.faults(programs, console.read_text(errors="replace"))
    print(f"{kernel.version} ({found.release or 'never came up'}):")
    show(found, faults, time.monotonic() - begin)
    if faults:
        print(f"  more in {folder}")
    return not faults


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev compat", description="tests on other kernels")
    parser.add_argument("--build", type=Path, required=True, help="a build without sanitizers")
    parser.add_argument("--cache", type=Path, required=True, help="where kernels are kept")
    parser.add_argument("--only", metavar="PROGRAM", help="run just this one")
    parser.add_argument(
        "versions", nargs="*", metavar="VERSION", help=f"of {', '.join(kernels.SUITES)}"
    )
    options = parser.parse_args()
    unknown = [version for version in options.versions if version not in kernels.SUITES]
    if unknown:
        parser.error(f"no kernel {unknown[0]}; there are {', '.join(kernels.SUITES)}")
    programs = bpf_tests(options.build) | {"agent": SMOKE}
    if options.only not in (None, *programs):
        parser.error(f"no program {options.only}; there are {', '.join(programs)}")
    if options.only:
        programs = {options.only: programs[options.only]}
    good: list[bool] = []
    for version in options.versions or kernels.SUITES:
        try:
            kernel = kernels.fetch(version, options.cache.resolve())
        except kernels.Unavailable as reason:
            print(f"{version}: SKIPPED, no kernel: {reason}", flush=True)
            continue
        good.append(check(kernel, options.build.resolve(), options.cache.resolve(), programs))
    if not good:
        print("nothing was tested: no kernel could be fetched")
    return 0 if good and all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
