# SPDX-License-Identifier: Apache-2.0
"""A gRPC client that shares no code with the agent: Debian's python3-grpcio."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import grpc

from lib import pb

SERVICE = "waymark.v1.MarkerService"
_TIMEOUT = 10


@dataclass
class Refused(Exception):
    """A call that ended with an error, and the details that came with it."""

    code: str  # "INVALID_ARGUMENT"
    message: str
    reason: str = ""
    domain: str = ""
    field: str = ""
    metadata: dict[str, str] | None = None

    def __str__(self) -> str:
        return f"{self.code} / {self.reason}, field {self.field!r}: {self.message}"


def _refused(error: grpc.RpcError) -> Refused:
    refused = Refused(error.code().name, error.details(), metadata={})
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            _read_details(refused, pb.rpc.Status.FromString(value))
    return refused


def _read_details(refused: Refused, status) -> None:
    assert grpc.StatusCode[refused.code].value[0] == status.code
    for packed in status.details:
        detail = pb.message(packed.type_url.rpartition("/")[2]).FromString(packed.value)
        match detail.DESCRIPTOR.name:
            case "ErrorInfo":
                refused.reason = detail.reason
                refused.domain = detail.domain
                refused.metadata = dict(detail.metadata)
            case "BadRequest":
                (violation,) = detail.field_violations
                refused.field = violation.field


@dataclass(frozen=True)
class Tls:
    """Files of a client: who it trusts and who it is."""

    ca: Path
    certificate: Path | None = None
    key: Path | None = None

    def credentials(self) -> grpc.ChannelCredentials:
        own = [file.read_bytes() if file else None for file in (self.key, self.certificate)]
        return grpc.ssl_channel_credentials(self.ca.read_bytes(), *own)


class Client(contextlib.AbstractContextManager):
    """One connection to an agent. Methods answer messages or raise Refused."""

    def __init__(self, target: str, tls: Tls | None = None):
        self.target = target
        # Pages of a thousand marks are as large as the agent likes them; one connection each.
        options = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        if tls:
            self._channel = grpc.secure_channel(target, tls.credentials(), options)
        else:
            self._channel = grpc.insecure_channel(target, options)

    def __exit__(self, *_):
        self._channel.close()

    def call_raw(self, path: str, request: bytes, timeout: float = _TIMEOUT) -> bytes:
        """Any method with any bytes."""
        try:
            return self._channel.unary_unary(path, None, None)(request, timeout=timeout)
        except grpc.RpcError as error:
            raise _refused(error) from None

    def call(self, method: str, request):
        """A method of MarkerService."""
        descriptor = pb.service(SERVICE).methods_by_name[method]
        answer = self.call_raw(f"/{SERVICE}/{method}", request.SerializeToString())
        return pb.message(descriptor.output_type.full_name).FromString(answer)

    def set(self, match, owner: str = "", **mark):
        """SetMark; match: a Match or a HOST's address; mark: fields of Mark, a scitag as a dict."""
        mark = pb.waymark.Mark(match=_match(match), **mark)
        options = pb.waymark.WriteOptions(owner=owner)
        return self.call("SetMark", pb.waymark.SetMarkRequest(mark=mark, options=options))

    def clear(self, match, owner: str = ""):
        options = pb.waymark.WriteOptions(owner=owner)
        request = pb.waymark.ClearMarkRequest(match=_match(match), options=options)
        return self.call("ClearMark", request)

    def get(self, match, effective: bool = False):
        request = pb.waymark.GetMarkRequest(match=_match(match), effective=effective)
        return self.call("GetMark", request).mark

    def pages(self, **request):
        """ListMarks until the last page."""
        token = ""
        while True:
            answer = self.call(
                "ListMarks", pb.waymark.ListMarksRequest(page_token=token, **request)
            )
            yield answer
            token = answer.next_page_token
            if not token:
                return

    def marks(self, **request) -> list:
        return [mark for page in self.pages(**request) for mark in page.marks]

    def stats(self):
        return self.call("Stats", pb.waymark.StatsRequest())

    def health(self, service: str = "") -> int:
        answer = self.call_raw(
            "/grpc.health.v1.Health/Check",
            pb.health.HealthCheckRequest(service=service).SerializeToString(),
        )
        return pb.health.HealthCheckResponse.FromString(answer).status

    def wait_serving(self, timeout: float = _TIMEOUT):
        """Watches health until it says SERVING."""
        return self.wait_health(pb.health.HealthCheckResponse.SERVING, timeout=timeout)

    def wait_health(self, status: int, service: str = "", timeout: float = _TIMEOUT):
        """Watches health until it says so."""
        watch = self._channel.unary_stream(
            "/grpc.health.v1.Health/Watch",
            pb.health.HealthCheckRequest.SerializeToString,
            pb.health.HealthCheckResponse.FromString,
        )(pb.health.HealthCheckRequest(service=service), timeout=timeout, wait_for_ready=True)
        for answer in watch:
            if answer.status == status:
                break
        watch.cancel()
        return self


def _match(match):
    """A Match, or the one of a HOST by its address."""
    if isinstance(match, pb.waymark.Match):
        return match
    return pb.waymark.Match(destination=str(match))
