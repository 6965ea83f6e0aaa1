# SPDX-License-Identifier: Apache-2.0
"""Certificates from the script that administrators use too."""

import subprocess
from pathlib import Path

from lib import REPOSITORY
from lib.client import Tls

_SCRIPT = REPOSITORY / "packaging/make-certificates"


class Authority:
    """A directory with a CA and what it has signed."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.ca = directory / "ca.pem"

    def agent(self, *names) -> tuple[str, ...]:
        """Makes the agent's certificate; answers the options that tell it."""
        self._make("agent", "agent", *map(str, names))
        # fmt: off
        return ("--tls-certificate", str(self.directory / "agent.pem"),
                "--tls-key", str(self.directory / "agent.key"),
                "--tls-client-ca", str(self.ca))
        # fmt: on

    def client(self, file: str, identity: str) -> Tls:
        self._make("client", file, identity)
        return Tls(self.ca, self.directory / f"{file}.pem", self.directory / f"{file}.key")

    def _make(self, role: str, file: str, *names: str) -> None:
        command = [_SCRIPT, self.directory, role, file, *names]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
