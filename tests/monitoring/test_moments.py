from __future__ import annotations

from datetime import UTC, datetime

import pytest

from monitoring.moments import moment_of
from monitoring.telemetry import nanoseconds

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("ns", "moment"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (1_772_366_400_123_456_789, datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)),
        (2**63 - 1, datetime(2262, 4, 11, 23, 47, 16, 854775, tzinfo=UTC)),
    ],
)
def test_nanoseconds_are_a_moment_to_the_microsecond(ns, moment):
    assert moment_of(ns) == moment
    assert nanoseconds(moment) == ns - ns % 1000
