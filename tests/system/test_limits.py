# SPDX-License-Identifier: Apache-2.0
"""The limits of docs/network.md that a well-meaning client can meet, each at its very edge."""

import contextlib
import socket

import grpc
import pytest

from lib import http2, pb
from lib.client import Client

# See agent/rpc/limits.h.
MESSAGE_MAX, METADATA_MAX = 4 << 20, 8 << 10
STREAMS_MAX, USER_CONNECTIONS_MAX = 100, 512

CHECK, WATCH = (f"/grpc.health.v1.Health/{method}" for method in ("Check", "Watch"))
PATIENCE = 10


@pytest.fixture
def channel(agent):
    """channel(): a new connection."""
    with contextlib.ExitStack() as stack:

        def connect() -> grpc.Channel:
            options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
            return stack.enter_context(grpc.insecure_channel(agent.target, options))

        yield connect


def code_of(call, *arguments, **options) -> str:
    try:
        call(*arguments, timeout=PATIENCE, **options)
    except grpc.RpcError as error:
        return error.code().name
    return "OK"


def test_requests(channel):
    check = channel().unary_unary(CHECK)
    for size, code in ((MESSAGE_MAX, "NOT_FOUND"), (MESSAGE_MAX + 1, "RESOURCE_EXHAUSTED")):
        head = 5  # tag and length
        request = pb.health.HealthCheckRequest(service="x" * (size - head)).SerializeToString()
        assert len(request) == size
        assert code_of(check, request) == code


def test_headers(channel):
    check = channel().unary_unary(CHECK)
    assert code_of(check, b"", metadata=[("x", "y" * (METADATA_MAX // 2))]) == "OK"
    assert code_of(check, b"", metadata=[("x", "y" * METADATA_MAX)]) == "RESOURCE_EXHAUSTED"
    # The connection may be given up, the agent not.
    assert code_of(channel().unary_unary(CHECK), b"") == "OK"


def watch(channel: grpc.Channel) -> grpc.Call:
    return channel.unary_stream(WATCH)(b"", timeout=60)


def test_streams_of_a_connection(channel):
    connection = channel()
    streams = [watch(connection) for _ in range(STREAMS_MAX)]
    for stream in streams:
        next(stream)
    # One more waits in its client until another ends; other connections do not care.
    waiting = connection.unary_unary(CHECK).future(b"", timeout=60)
    assert code_of(channel().unary_unary(CHECK), b"") == "OK"
    assert not waiting.done()
    streams[0].cancel()
    waiting.result(PATIENCE)
    for stream in streams:
        stream.cancel()


@pytest.fixture
def connect(agent):
    """connect(): a socket that is connected."""
    with contextlib.ExitStack() as stack:

        def begin() -> socket.socket:
            connection = stack.enter_context(socket.socket(socket.AF_UNIX))
            # Before the timeout: with one, a full queue of the listener is an error.
            connection.connect(agent.target.removeprefix("unix:"))
            connection.settimeout(PATIENCE)
            return connection

        yield begin


def test_pings(connect):
    connection = connect()
    connection.sendall(http2.OPENING + http2.frame(http2.PING, payload=b"limits??") * 10)
    said = b""
    with contextlib.suppress(ConnectionError):
        while octets := connection.recv(4096):
            said += octets
    assert b"too_many_pings" in said


def test_connections_of_a_user(connect, agent):
    connections = [connect() for _ in range(USER_CONNECTIONS_MAX)]
    # The agent's side speaks first.
    assert all(connection.recv(1) for connection in connections)
    one_more = connect()
    with contextlib.suppress(ConnectionError):
        assert one_more.recv(1) == b""
    connections[0].close()
    with Client(agent.target) as another:
        another.wait_serving()
