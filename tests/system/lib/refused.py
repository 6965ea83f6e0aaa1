# SPDX-License-Identifier: Apache-2.0
"""Expects refusals: exact code, reason and field, and details as the contract has them."""

import contextlib
from types import SimpleNamespace

import pytest

from lib.client import Refused

_DETAILS_MAX = 4096


@contextlib.contextmanager
def refused(code: str, reason: str, field: str = "", **metadata):
    """The calls inside must be refused so. metadata: must be in ErrorInfo. Yields a namespace
    whose `error` is the Refused afterwards."""
    found = SimpleNamespace(error=None)
    with pytest.raises(Refused) as caught:
        yield found
    found.error = error = caught.value
    assert (error.code, error.reason, error.field) == (code, reason, field), error
    assert error.domain == "waymark" and error.message
    assert 0 < error.details_size < _DETAILS_MAX
    expected = {name: str(value) for name, value in metadata.items()}
    assert error.metadata.items() >= expected.items(), error.metadata
    if code == "UNAVAILABLE":
        assert error.retry_after > 0
        assert float(error.pushback) == pytest.approx(error.retry_after * 1000, abs=1)
    if reason in ("TABLE_FULL", "QUOTA", "WATCHERS"):
        assert error.quota_subject
