# SPDX-License-Identifier: Apache-2.0
"""An initial file system in the one format that every kernel reads: cpio, "newc"."""

import re
import stat
import subprocess
from pathlib import Path
from typing import BinaryIO


class Initramfs:
    """Written file by file; each where it was, or where it is told to be."""

    def __init__(self, output: BinaryIO):
        self._output = output
        self._written: set[str] = set()

    def folder(self, path: str) -> None:
        """With all folders above it."""
        if path not in ("", ".", "/") and path not in self._written:
            self.folder(str(Path(path).parent))
            self._entry(path, stat.S_IFDIR | 0o755, b"")

    def data(self, path: str, content: bytes, mode: int = 0o644) -> None:
        self.folder(str(Path(path).parent))
        self._entry(path, stat.S_IFREG | mode, content)

    def file(self, source: Path, path: str | None = None) -> None:
        mode = stat.S_IMODE(source.stat().st_mode)
        self.data(path or str(source), source.read_bytes(), mode)

    def tree(self, source: Path, path: str) -> None:
        for file in source.rglob("*"):
            if file.is_file():
                self.file(file, f"{path}/{file.relative_to(source)}")

    def program(self, source: Path, path: str | None = None) -> None:
        """With the shared libraries that it needs."""
        self.file(source, path)
        needs = subprocess.run(["ldd", source], check=True, stdout=subprocess.PIPE, text=True)
        for library in re.findall(r"(/\S+) \(0x", needs.stdout):
            self.file(Path(library))

    def end(self) -> None:
        self._entry("TRAILER!!!", 0, b"")

    def _entry(self, path: str, mode: int, content: bytes) -> None:
        if path in self._written:
            return
        self._written.add(path)
        name = path.lstrip("/").encode() + b"\0"
        fields = [len(self._written), mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0]
        header = b"070701" + b"".join(b"%08X" % field for field in fields)
        self._output.write(_padded(header + name) + _padded(content))


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
