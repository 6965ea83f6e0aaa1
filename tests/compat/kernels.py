# SPDX-License-Identifier: Apache-2.0
"""Debian's kernels, fetched and unpacked but never installed.

apt gets a configuration and a state of its own below the cache: the system's are not touched.
"""

import lzma
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

MIRROR = "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SUITES = {"5.10": "bullseye", "6.1": "bookworm", "6.12": "bookworm-backports"}
PACKAGE = "linux-image-cloud-amd64"  # depends on the newest one of its suite
PATIENCE = 120  # seconds for one command of apt

# What a test could make the kernel load; the rest stays behind.
MODULES = ("crypto", "lib", "net/802", "net/8021q", "net/bridge", "net/core", "net/ipv6", "net/llc")
MODULES += ("net/sched", "net/tls", "drivers/net/bonding", "drivers/net/*.ko*")


class Unavailable(Exception):
    """A kernel cannot be had; the text says why."""


@dataclass(frozen=True)
class Kernel:
    version: str  # "5.10"
    image: Path
    modules: Path  # becomes /lib/modules


def fetch(version: str, cache: Path) -> Kernel:
    """The kernel from the cache, or from Debian."""
    folder = cache / version
    if not folder.exists():
        unpacked = cache / f"{version}.part"
        shutil.rmtree(unpacked, ignore_errors=True)
        unpacked.mkdir(parents=True)
        _unpack(_download(version, unpacked), unpacked)
        unpacked.rename(folder)
    return Kernel(version, folder / "vmlinuz", folder / "modules")


def _run(*command: str | Path, cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            check=True,
            text=True,
            timeout=PATIENCE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines()
        raise Unavailable(f"{command[0]}: {lines[-1] if lines else error}") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{command[0]}: no answer within {PATIENCE} s") from error
    return done.stdout


def _download(version: str, folder: Path) -> Path:
    """The package file."""
    state = folder / "apt"
    (state / "lists/partial").mkdir(parents=True)
    (state / "cache/archives/partial").mkdir(parents=True)
    (state / "status").touch()
    source = f"deb [arch=amd64 signed-by={KEYRING}] {MIRROR} {SUITES[version]} main\n"
    (state / "sources.list").write_text(source)
    settings = {
        "APT::Architecture": "amd64",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Dir::Cache": state / "cache",
        "Dir::Etc::SourceList": state / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State": state,
        "Dir::State::Lists": state / "lists",
        "Dir::State::status": state / "status",
    }
    options = [f"-o{key}={value}" for key, value in settings.items()]
    # Without this a list that cannot be had is a warning.
    _run("apt-get", *options, "-oAPT::Update::Error-Mode=any", "-q", "update")
    name = re.search(r"Depends: (linux-image-\S+)", _run("apt-cache", *options, "depends", PACKAGE))
    if not name:
        raise Unavailable(f"{SUITES[version]}: {PACKAGE} depends on no kernel")
    _run("apt-get", *options, "-q", "download", name[1], cwd=folder)
    return next(folder.glob("linux-image-*.deb"))


def _unpack(package: Path, folder: Path) -> None:
    """Leaves vmlinuz and modules/RELEASE in the folder."""
    whole = folder / "whole"
    _run("dpkg-deb", "-x", package, whole)
    shutil.move(next(whole.glob("boot/vmlinuz-*")), folder / "vmlinuz")
    release = next(whole.glob("lib/modules/*"))
    source, target = release / "kernel", folder / "modules" / release.name
    for pattern in MODULES:
        for file in source.glob(pattern if "*" in pattern else f"{pattern}/**/*.ko*"):
            _copy_module(file, target / "kernel" / file.relative_to(source))
    for name in ("modules.builtin", "modules.order"):
        shutil.copy(release / name, target)
    _depmod(folder, release.name)
    shutil.rmtree(whole)
    shutil.rmtree(folder / "apt")
    package.unlink()


def _copy_module(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".xz":
        target.with_suffix("").write_bytes(lzma.decompress(file.read_bytes()))
    else:
        shutil.copy(file, target)


def _depmod(folder: Path, release: str) -> None:
    """depmod looks below lib/modules of a root."""
    root = folder / "root"
    (root / "lib").mkdir(parents=True)
    (root / "lib/modules").symlink_to(folder / "modules")
    _run("busybox", "depmod", "-b", root, release)
    shutil.rmtree(root)
