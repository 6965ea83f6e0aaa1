# SPDX-License-Identifier: Apache-2.0
"""A gRPC client that shares no code with the agent: Debian's python3-grpcio."""

import contextlib
import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Iterator

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
    quota_subject: str = ""
    retry_after: float = 0  # seconds, of RetryInfo; 0: none
    pushback: str = ""  # grpc-retry-pushback-ms
    details_size: int = 0  # octets of grpc-status-details-bin

    def __str__(self) -> str:
        return f"{self.code} / {self.reason}, field {self.field!r}: {self.message}"


def refusal(error: grpc.RpcError) -> Refused:
    """What a call that failed was told."""
    refused = Refused(error.code().name, error.details(), metadata={})
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            refused.details_size = len(value)
            _read_details(refused, pb.rpc.Status.FromString(value))
        elif key == "grpc-retry-pushback-ms":
            refused.pushback = value
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
            case "QuotaFailure":
                (violation,) = detail.violations
                refused.quota_subject = violation.subject
            case "RetryInfo":
                refused.retry_after = detail.retry_delay.ToNanoseconds() / 1e9


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

    owner = ""  # for whom its writes act; empty: the caller itself

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

    def acting_for(self, owner: str) -> "Client":
        """The same connection, writing for another owner."""
        other = copy.copy(self)
        other.owner = owner
        return other

    def call_raw(self, path: str, request: bytes, timeout: float = _TIMEOUT) -> bytes:
        """Any method with any bytes."""
        try:
            return self._channel.unary_unary(path, None, None)(request, timeout=timeout)
        except grpc.RpcError as error:
            raise refusal(error) from None

    def call(self, method: str, request, timeout: float = _TIMEOUT):
        """A method of MarkerService."""
        answer = self.call_raw(_path(method), request.SerializeToString(), timeout)
        return _answer_class(method).FromString(answer)

    def start(self, method: str, request, timeout: float = _TIMEOUT) -> grpc.Future:
        """Begins a unary call; the future's result is the answer, its cancel() cancels."""
        return self._channel.unary_unary(
            _path(method), type(request).SerializeToString, _answer_class(method).FromString
        ).future(request, timeout=timeout)

    def start_stream(self, method: str, request, timeout: float | None = None) -> grpc.Call:
        """Begins a call whose answers are a stream."""
        return self._channel.unary_stream(
            _path(method), type(request).SerializeToString, _answer_class(method).FromString
        )(request, timeout=timeout)

    def start_upload(self, method: str, requests: Iterator, timeout: float = 60) -> grpc.Future:
        """Begins a call whose requests are a stream; see start()."""
        return self._channel.stream_unary(
            _path(method),
            lambda request: request.SerializeToString(),
            _answer_class(method).FromString,
        ).future(requests, timeout=timeout)

    def options(self, owner: str = "", **options):
        """WriteOptions of this client's writes."""
        return pb.waymark.WriteOptions(owner=owner or self.owner, **options)

    def set(self, match, owner: str = "", precondition=None, options=None, **mark):
        """SetMark; match: a Match or a HOST's address; mark: fields of Mark, a scitag as a dict;
        options: more of WriteOptions, a dict."""
        request = pb.waymark.SetMarkRequest(
            mark=pb.waymark.Mark(match=as_match(match), **mark),
            precondition=precondition,
            options=self.options(owner, **options or {}),
        )
        return self.call("SetMark", request)

    def clear(self, match, owner: str = "", precondition=None, options=None):
        request = pb.waymark.ClearMarkRequest(
            match=as_match(match),
            precondition=precondition,
            options=self.options(owner, **options or {}),
        )
        return self.call("ClearMark", request)

    def get(self, match, effective: bool = False):
        request = pb.waymark.GetMarkRequest(match=as_match(match), effective=effective)
        return self.call("GetMark", request).mark

    def apply(self, *updates, owner: str = "", options=None, **request):
        """ApplyMarks; updates: MarkUpdate messages or dicts; request: more of its fields."""
        updates = [
            update if isinstance(update, pb.waymark.MarkUpdate) else pb.waymark.MarkUpdate(**update)
            for update in updates
        ]
        request = pb.waymark.ApplyMarksRequest(
            updates=updates, options=self.options(owner, **options or {}), **request
        )
        return self.call("ApplyMarks", request)

    def replace(self, marks: Iterable, chunk: int = 1000, owner: str = "", options=None, **begin):
        """ReplaceMarks: declares exactly these marks, `chunk` in a message."""
        marks = list(marks)
        begin["options"] = self.options(owner, **options or {})
        steps = [{"begin": begin}]
        for first in range(0, len(marks), chunk):
            steps.append({"chunk": {"marks": marks[first : first + chunk]}})
        return self.replace_by(*steps, {"commit": {"mark_count": len(marks)}})

    def replace_by(self, *steps: dict):
        """ReplaceMarks with these messages, whatever they say."""
        requests = (pb.waymark.ReplaceMarksRequest(**step) for step in steps)
        try:
            return self.start_upload("ReplaceMarks", requests).result()
        except grpc.RpcError as error:
            raise refusal(error) from None

    def grant(self, ttl: float, owner: str = "", **options):
        """GrantLease, ttl in seconds; answers the lease."""
        request = pb.waymark.GrantLeaseRequest(
            ttl=duration(ttl), options=self.options(owner, **options)
        )
        return self.call("GrantLease", request).lease

    def renew(self, lease: int, owner: str = "", **options):
        request = pb.waymark.RenewLeaseRequest(
            lease_id=lease, options=self.options(owner, **options)
        )
        return self.call("RenewLease", request).lease

    def revoke(self, lease: int, owner: str = "", **options):
        request = pb.waymark.RevokeLeaseRequest(
            lease_id=lease, options=self.options(owner, **options)
        )
        return self.call("RevokeLease", request)

    def leases(self, **request) -> list:
        """ListLeases until the last page."""
        return [lease for page in self._pages("ListLeases", request) for lease in page.leases]

    def pages(self, **request):
        """ListMarks until the last page."""
        return self._pages("ListMarks", request)

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

    def _pages(self, method: str, request: dict):
        token = ""
        while True:
            message = getattr(pb.waymark, f"{method}Request")(page_token=token, **request)
            answer = self.call(method, message)
            yield answer
            token = answer.next_page_token
            if not token:
                return


def duration(seconds: float) -> dict[str, int]:
    """A google.protobuf.Duration, for constructors of messages."""
    return dict(zip(("seconds", "nanos"), divmod(round(seconds * 1_000_000_000), 1_000_000_000)))


def as_match(match):
    """A Match, or the one of a HOST by its address."""
    if isinstance(match, pb.waymark.Match):
        return match
    return pb.waymark.Match(destination=str(match))


def _path(method: str) -> str:
    return f"/{SERVICE}/{method}"


def _answer_class(method: str) -> type:
    return pb.message(pb.service(SERVICE).methods_by_name[method].output_type.full_name)
