# SPDX-License-Identifier: Apache-2.0
"""What tests of `waymark` share."""

import contextlib
import json
import os
import select
import subprocess
import time

from lib.agent import BINARIES

_TIMEOUT = 30


def environment(**more: str) -> dict[str, str]:
    bare = {name: text for name, text in os.environ.items() if not name.startswith("WAYMARK_")}
    return bare | {"WAYMARK_CONFIG": "/nonexistent"} | more


class Watch(contextlib.AbstractContextManager):
    """`waymark watch -o jsonl`, line by line."""

    def __init__(self, target: str, *options: str):
        self.process = subprocess.Popen(
            [BINARIES / "waymark", "--target", target, "watch", "-o", "jsonl", *options],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._left = b""

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def line(self) -> dict:
        """The next one, as soon as it is there."""
        deadline = time.monotonic() + _TIMEOUT
        while b"\n" not in self._left:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self.process.stdout], [], [], left)[0], "no line"
            read = os.read(self.process.stdout.fileno(), 65536)
            assert read, self.process.communicate()
            self._left += read
        line, _, self._left = self._left.partition(b"\n")
        return json.loads(line)

    def synced(self):
        while "synced" not in self.line():
            pass
        return self

    def end(self) -> tuple[int, str]:
        error = self.process.communicate(timeout=_TIMEOUT)[1].decode()
        return self.process.returncode, error
