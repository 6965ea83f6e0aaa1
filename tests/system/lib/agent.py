# SPDX-License-Identifier: Apache-2.0
"""Runs waymarkd in a namespace, and says at its end whether it was well."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import MappingProxyType
from typing import Callable, Mapping

from lib import REPOSITORY
from lib.net import Namespace

BINARIES = Path(os.environ.get("WAYMARK_BIN", REPOSITORY / "build/dev/bin"))

SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:exitcode=99:verify_asan_link_order=0",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    # The C core is not instrumented: what it synchronises looks like races.
    "TSAN_OPTIONS": "halt_on_error=1:exitcode=99:ignore_noninstrumented_modules=1"
    ":report_thread_leaks=0",
}
_REPORT = re.compile(r"Sanitizer|runtime error:")
_READY = re.compile(r"\bserving\b")
_START_TIMEOUT = 20
_STOP_TIMEOUT = 20


def waymarkd(space: Namespace, *options: str) -> subprocess.CompletedProcess:
    """Runs an agent that is to end by itself."""
    command = [BINARIES / "waymarkd", *options]
    with space:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_START_TIMEOUT,
            check=False,
            env=os.environ | SANITIZERS,
        )


def clean(space: Namespace, pin_dir: Path) -> None:
    """Takes off what a pinned agent that has ended left."""
    done = waymarkd(space, "--clean", "--pin-dir", str(pin_dir))
    assert done.returncode == 0, done.stderr


def _pass(passed: socket.socket | None) -> list[str]:
    """A command in front of the agent's that passes the socket on."""
    if passed is None:
        return []
    script = f'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" 3<&{passed.fileno()}'
    return ["bash", "-c", script, "bash"]


def _as_user(user: int) -> list[str]:
    """Options of setpriv."""
    if user == 0:
        return []
    capabilities = "-all,+bpf,+net_admin,+perfmon"
    ids = [f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    return [*ids, f"--inh-caps={capabilities}", f"--ambient-caps={capabilities}"]


class Agent(contextlib.AbstractContextManager):
    """A running agent. Leaving the context stops it and fails if it did not end well.

    It dies with this process, whatever way that ends.
    """

    def __init__(
        self,
        space: Namespace,
        *options: str,
        binaries: Path = BINARIES,
        program: str = "waymarkd",
        environment: Mapping[str, str] = MappingProxyType({}),
        passed: socket.socket | None = None,
        user: int = 0,
        echo: Callable[[str], None] = lambda line: None,
    ):
        """options: of waymarkd. environment: more of it. echo: gets every line of its log. passed: a
        listening socket that it gets as systemd would pass it. user: whom it runs as; anybody but
        root gets the capabilities that packaging/waymarkd.service gives.

        Nothing outlives the agent unless options say where: nothing is pinned, and its state
        is in a folder of its own.
        """
        pins = () if "--pin-dir" in options else ("--pin-dir=",)
        self._state = tempfile.TemporaryDirectory(prefix="waymark-state-")
        os.chown(self._state.name, user, user)
        state = () if "--state-dir" in options else ("--state-dir", self._state.name)
        self._echo = echo
        self._changed = threading.Condition()
        self._lines: list[str] = []
        self._ended = False
        self._settled = False  # somebody has seen its end already
        self.command = [str(binaries / program), *pins, *state, *options]
        with space:
            self._process = subprocess.Popen(
                [*_pass(passed), "setpriv", "--pdeathsig", "KILL", *_as_user(user), *self.command],
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env=os.environ | SANITIZERS | dict(environment),
                pass_fds=[passed.fileno()] if passed else [],
            )
        self._reader = threading.Thread(target=self._read, name="stderr", daemon=True)
        self._reader.start()

    def __exit__(self, *exception):
        if exception[0] is not None:
            self.kill()
        elif not self._settled:
            self.stop()
        self._state.cleanup()

    @property
    def log(self) -> str:
        with self._changed:
            return "\n".join(self._lines)

    @property
    def pid(self) -> int:
        return self._process.pid  # setpriv becomes the agent

    def wait_ready(self):
        """Waits for the line that says that it serves."""
        self.wait_line(_READY, _START_TIMEOUT)
        return self

    @property
    def lines(self) -> int:
        """How many the log has."""
        with self._changed:
            return len(self._lines)

    def wait_line(self, pattern: re.Pattern, timeout: float, after: int = 0) -> str:
        """Waits for a line of the log, after so many from the start on."""
        end = time.monotonic() + timeout
        with self._changed:
            while True:
                for line in self._lines[after:]:
                    if pattern.search(line):
                        return line
                if self._ended:
                    raise self._failure(f"ended without a line /{pattern.pattern}/")
                if not self._changed.wait(end - time.monotonic()):
                    raise self._failure(f"no line /{pattern.pattern}/ in {timeout} s")

    def wait_end(self, timeout: float = _STOP_TIMEOUT) -> int:
        """Waits for its end; answers the exit status. A sanitizer's report is a failure."""
        self._settled = True
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise self._failure(f"did not end in {timeout} s") from None
        self._reader.join()
        if _REPORT.search(self.log):
            raise self._failure("sanitizer report")
        return status

    def serves(self) -> bool:
        """Waits until it serves. False: a failpoint came first."""
        try:
            self.wait_ready()
        except AssertionError:
            if self.wait_end() != -signal.SIGKILL:
                raise
            return False
        return True

    def ends_in(self, timeout: float) -> bool:
        """Whether it ends by itself, which can only be a failpoint, within that time."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        status = self.wait_end()
        if status != -signal.SIGKILL:
            raise self._failure(f"exit status {status}")
        return True

    def stop(self) -> None:
        """Asks it to stop; it must do so in good health."""
        self._process.send_signal(signal.SIGTERM)
        status = self.wait_end()
        if status:
            raise self._failure(f"exit status {status}")

    def kill(self) -> None:
        self._settled = True
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        with self._process.stderr as stderr:
            for line in stderr:
                self._echo(line.rstrip("\n"))
                with self._changed:
                    self._lines.append(line.rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _failure(self, what: str) -> AssertionError:
        with self._changed:
            lines = "\n".join(self._lines)
        return AssertionError(f"{' '.join(self.command)}: {what}\n{lines}")
