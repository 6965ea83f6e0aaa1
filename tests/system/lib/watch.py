# SPDX-License-Identifier: Apache-2.0
"""A watcher: reads WatchMarks on a thread, folds what comes, and holds the stream to its rules."""

import contextlib
import threading
import time
from typing import NamedTuple

import grpc

from lib import pb
from lib.client import Client, Refused, refusal

wm = pb.waymark
_PATIENCE = 20


class Event(NamedTuple):
    """One change, and when it came (CLOCK_BOOTTIME, ns)."""

    revision: int
    mark: wm.Mark
    removed: bool
    reason: int
    time: int


def key(match: wm.Match) -> bytes:
    """Canonical matches as keys of dicts."""
    return match.SerializeToString(deterministic=True)


def lasting(mark: wm.Mark) -> wm.Mark:
    """The mark without what changes by itself."""
    lasting = wm.Mark()
    lasting.CopyFrom(mark)
    lasting.ClearField("counters")
    lasting.ClearField("expire_time")
    return lasting


def state(marks) -> dict[bytes, wm.Mark]:
    """A listing as a fold would have it."""
    return {key(mark.match): lasting(mark) for mark in marks}


def tell(events) -> list[tuple[str, int]]:
    """Events in short: destination, and the label or 0 minus the reason."""
    return [
        (event.mark.match.destination, -event.reason if event.removed else event.mark.flow_label)
        for event in events
    ]


def resume(header: wm.ResponseHeader) -> dict:
    """What a request needs to go on after this header."""
    return {"resume_state_id": header.state_id, "resume_revision": header.revision}


class Watch(contextlib.AbstractContextManager):
    """One stream. Everything that has come so far can be read at any time."""

    def __init__(self, client: Client, **request):
        self.events: list[Event] = []
        self.fold: dict[bytes, wm.Mark] = {}
        self.header = wm.ResponseHeader()  # of the last message
        self.kinds: list[str] = []  # of the messages, in their order
        self.compact_revision = 0
        self.synced_after = -1  # events before `synced`
        self.refused: Refused | None = None
        self._ended = False
        self._broken: Exception | None = None  # a rule of the contract was
        self._changed = threading.Condition()
        self._call = client.start_stream("WatchMarks", wm.WatchMarksRequest(**request))
        self._thread = threading.Thread(target=self._read, name="watch", daemon=True)
        self._thread.start()

    def __exit__(self, *exception):
        self._call.cancel()
        self._thread.join()
        if exception[0] is None and self._broken:
            raise self._broken

    def wait(self, condition, what: str, timeout: float = _PATIENCE) -> "Watch":
        """Waits until condition() holds of what has come."""
        end = time.monotonic() + timeout
        with self._changed:
            while not condition():
                if self._broken:
                    raise self._broken
                if self._ended:
                    raise AssertionError(f"the watch ended ({self.refused}), waiting for {what}")
                if not self._changed.wait(end - time.monotonic()):
                    raise AssertionError(f"waited {timeout} s for {what}: {self.kinds[-5:]}")
        return self

    def wait_synced(self) -> "Watch":
        return self.wait(lambda: self.synced_after >= 0, "synced")

    def wait_revision(self, revision: int, timeout: float = _PATIENCE) -> "Watch":
        """Waits until everything up to a revision has come."""
        return self.wait(lambda: self.header.revision >= revision, f"revision {revision}", timeout)

    def wait_end(self, timeout: float = _PATIENCE) -> Refused | None:
        """Waits for the end of the stream; None if that was OK."""
        self._thread.join(timeout)
        assert not self._thread.is_alive(), "the watch goes on"
        if self._broken:
            raise self._broken
        return self.refused

    def _read(self) -> None:
        try:
            for message in self._call:
                with self._changed:
                    self._take(message)
                    self._changed.notify_all()
        except grpc.RpcError as error:
            self.refused = refusal(error)
        except AssertionError as broken:
            self._broken = broken
            self._call.cancel()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _take(self, message: wm.WatchMarksResponse) -> None:
        kind = message.WhichOneof("content")
        assert (kind == "created") == (not self.kinds), f"{kind} after {self.kinds[-1:]}"
        assert message.header.revision >= self.header.revision, "header.revision went back"
        assert kind != "synced" or self.synced_after < 0, "synced twice"
        if kind == "created":
            self.compact_revision = message.created.compact_revision
        elif kind == "synced":
            self.synced_after = len(self.events)
        elif kind == "events":
            assert message.events.events, "a message without events"
            for event in message.events.events:
                self._fold(event)
            assert self.events[-1].revision <= message.header.revision
        self.header = message.header
        self.kinds.append(kind)

    def _fold(self, event: wm.MarkEvent) -> None:
        mark, removed = event.mark, event.type == wm.MarkEvent.TYPE_REMOVED
        last = self.events[-1].revision if self.events else 0
        assert mark.revision > last, f"revision {mark.revision} after {last}"
        assert removed or event.type == wm.MarkEvent.TYPE_PUT
        assert removed == (event.reason != wm.REMOVAL_REASON_UNSPECIFIED)
        assert removed == mark.HasField("counters")
        now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        self.events.append(Event(mark.revision, mark, removed, event.reason, now))
        if removed:
            self.fold.pop(key(mark.match), None)
        else:
            self.fold[key(mark.match)] = lasting(mark)


def dump(client: Client, **request) -> Watch:
    """The exact state: a watch that ends at `synced`."""
    with Watch(client, until_synced=True, **request) as watch:
        refused = watch.wait_end()
        if refused:
            raise refused
        assert watch.synced_after == len(watch.events)
        return watch
