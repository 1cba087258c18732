from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.durations import (
    InvalidDurationError,
    format_duration,
    parse_duration,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("90", 90), ("2m", 120), ("1h30m", 5400), ("1d", 86400), ("500ms", 0.5)],
)
def test_durations_are_read_as_prometheus_writes_them(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "m", "-1", "1 h", "1x", "2m3", "9" * 50, "99999999999999999d"]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(InvalidDurationError):
        parse_duration(text)


@given(st.integers(0, 10**9))
def test_what_is_written_can_be_read(milliseconds):
    duration = timedelta(milliseconds=milliseconds)

    assert parse_duration(format_duration(duration)) == duration
