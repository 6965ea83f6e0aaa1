# SPDX-License-Identifier: Apache-2.0
"""Certificates from the script that administrators use too."""

import subprocess
from pathlib import Path

from lib import REPOSITORY
from lib.client import Tls

_SCRIPT = REPOSITORY / "packaging/make-certificates"

# Whoever has a certificate of the CA may do everything: for tests of something else.
OPEN_POLICY = """\
rules:
  - {identity: "unix:uid=0", role: admin}
  - {identity: "insecure:loopback", role: admin}
  - {identity: "spiffe://example.org/*", role: admin}
  - {identity: "dns:*", role: admin}
  - {identity: "cn:*", role: admin}
"""


class Authority:
    """A directory with a CA and what it has signed."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.ca = directory / "ca.pem"

    def agent(self, *names, policy: str = OPEN_POLICY) -> tuple[str, ...]:
        """Makes the agent's certificate and policy; answers the options that tell them."""
        self._make("agent", "agent", *map(str, names))
        (self.directory / "policy.yaml").write_text(policy, encoding="utf-8")
        # fmt: off
        return ("--tls-certificate", str(self.directory / "agent.pem"),
                "--tls-key", str(self.directory / "agent.key"),
                "--tls-client-ca", str(self.ca),
                "--policy", str(self.directory / "policy.yaml"))
        # fmt: on

    def client(self, file: str, identity: str) -> Tls:
        self._make("client", file, identity)
        return Tls(self.ca, self.directory / f"{file}.pem", self.directory / f"{file}.key")

    def _make(self, role: str, file: str, *names: str) -> None:
        command = [_SCRIPT, self.directory, role, file, *names]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
