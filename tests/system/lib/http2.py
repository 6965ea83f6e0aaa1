# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 frames by hand, for clients that no library would be."""

import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
CANCEL = 8


def frame(kind: int, stream: int = 0, payload: bytes = b"", flags: int = 0) -> bytes:
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


OPENING = PREFACE + frame(SETTINGS)


def text(value: str | bytes) -> bytes:
    """A string of HPACK, not compressed."""
    value = value.encode() if isinstance(value, str) else value
    length = len(value)
    if length < 127:
        return bytes([length]) + value
    octets, length = b"\x7f", length - 127
    while length >= 128:
        octets += bytes([length % 128 + 128])
        length //= 128
    return octets + bytes([length]) + value


def header(name: str, value: str | bytes) -> bytes:
    """A field that goes into no table."""
    return b"\x00" + text(name) + text(value)


def request(path: str) -> bytes:
    """The header block of a call."""
    return (
        b"\x83\x86\x04" + text(path) + b"\x01" + text("abuse")
        + header("content-type", "application/grpc") + header("te", "trailers")
    )  # fmt: skip


def message(payload: bytes = b"") -> bytes:
    return b"\x00" + struct.pack("!I", len(payload)) + payload


def call(stream: int, path: str, payload: bytes = b"") -> bytes:
    """A whole unary call."""
    return frame(HEADERS, stream, request(path), END_HEADERS) + frame(
        DATA, stream, message(payload), END_STREAM
    )
