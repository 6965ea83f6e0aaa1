# SPDX-License-Identifier: Apache-2.0
"""Certificates from the script that administrators use too."""

import shutil
import subprocess
import tempfile
from datetime import datetime, timedelta, timezone
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


_CA_CONFIGURATION = """\
[ca]
default_ca = one
[one]
database = {work}/index.txt
new_certs_dir = {work}
serial = {work}/serial
default_md = sha256
policy = any
copy_extensions = copyall
unique_subject = no
[any]
commonName = optional
organizationName = optional
"""


def _openssl(*arguments) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


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

    def redate(self, file: str, begin: timedelta, end: timedelta) -> None:
        """Signs FILE.pem again, to hold from so long after now until so long after now."""
        certificate, key = self.directory / f"{file}.pem", self.directory / f"{file}.key"
        now = datetime.now(timezone.utc)
        with tempfile.TemporaryDirectory() as name:
            work = Path(name)
            (work / "ca.conf").write_text(_CA_CONFIGURATION.format(work=work), encoding="ascii")
            (work / "index.txt").touch()
            request, signed = work / "request.pem", work / "signed.pem"
            _openssl("x509", "-x509toreq", "-copy_extensions", "copyall", "-in", certificate,
                     "-signkey", key, "-out", request)  # fmt: skip
            _openssl("ca", "-batch", "-notext", "-config", work / "ca.conf", "-rand_serial",
                     "-cert", self.ca, "-keyfile", self.directory / "ca.key", "-in", request,
                     "-startdate", f"{now + begin:%Y%m%d%H%M%SZ}",
                     "-enddate", f"{now + end:%Y%m%d%H%M%SZ}", "-out", signed)  # fmt: skip
            # At once: whoever reads it meanwhile sees the one or the other.
            signed.chmod(0o644)
            shutil.move(signed, certificate.with_suffix(".new"))
            certificate.with_suffix(".new").rename(certificate)

    def _make(self, role: str, file: str, *names: str) -> None:
        command = [_SCRIPT, self.directory, role, file, *names]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
