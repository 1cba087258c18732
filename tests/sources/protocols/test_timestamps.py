from __future__ import annotations

import pyarrow as pa
import pytest

from sources.protocols import Terms
from sources.protocols.timestamps import (
    InvalidTimeError,
    column_to_ns,
    time_to_ns,
    values_to_ns,
)

pytestmark = pytest.mark.unit

AT = 1_795_266_000  # 2026-11-21T13:00:00Z
NS = AT * 10**9
TERMS = Terms(now_ns=NS)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-11-21T13:00:00Z", NS),
        ("2026-11-21T13:00:00.5Z", NS + 5 * 10**8),
        ("2026-11-21T13:00:00.123456789Z", NS + 123456789),
        ("2026-11-21T14:00:00+01:00", NS),
        ("2026-11-21T10:30:00-02:30", NS),
        ("2026-11-21 13:00:00Z", NS),
        ("2026-11-21t13:00:00z", NS),
        ("2026-11-21T12:59:60Z", NS),
        (AT, NS),
        (AT * 1000, NS),
        (AT * 10**6, NS),
        (NS, NS),
        (NS + 1, NS + 1),
        (AT + 0.25, NS + 25 * 10**7),
        (AT * 1000 + 0.5, NS + 500_000),
        (str(AT), NS),
        (f"{AT}.000000001", NS + 1),
        (str(NS + 7), NS + 7),
        (0, 0),
    ],
)
def test_a_time_is_read_in_any_of_its_spellings(written, expected):
    assert time_to_ns(written) == expected


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("yesterday", "neither RFC 3339"),
        ("2026-11-21T13:00:00", "has no zone"),
        ("2026-02-30T13:00:00Z", "does not exist"),
        ("2026-11-21T25:00:00Z", "does not exist"),
        ("", "neither RFC 3339"),
        (True, "must be RFC 3339"),
        ([1], "must be RFC 3339"),
        (1e300, "too large"),
    ],
)
def test_what_is_no_time_is_refused_with_a_reason(written, reason):
    with pytest.raises(InvalidTimeError, match=reason):
        time_to_ns(written)


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["2026-11-21T13:00:00Z", None, "2026-11-21T14:00:00.25+01:00"]),
        pa.array([AT, None, AT * 1000]),
        pa.array([AT + 0.5, None, AT * 1000.0]),
        pa.array([None, None], pa.int64()),
        pa.array([0, 1]),
    ],
    ids=["texts", "integers", "floats", "nulls", "the epoch"],
)
def test_a_column_is_read_as_its_values_are(column):
    found = column_to_ns(column, TERMS).to_pylist()

    assert found == values_to_ns(column.to_pylist(), TERMS)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([AT, -1]),
        pa.array([90_000_000_000]),
        pa.array(["2026-11-21T13:00:00Z", "1795266000"]),
        pa.array(["2026-13-21T13:00:00Z"]),
        pa.array(["2600-01-01T00:00:00Z"]),
        pa.array([1e17]),
        pa.array([float("nan")]),
    ],
    ids=["negative", "far future", "mixed", "month 13", "year 2600", "huge", "nan"],
)
def test_a_column_with_an_odd_value_is_left_to_the_careful_reader(column):
    with pytest.raises(InvalidTimeError):
        column_to_ns(column, TERMS)


def test_a_time_outside_the_terms_names_their_bound():
    terms = Terms(now_ns=NS, earliest_ns=NS - 10**9, latest_ns=NS + 10**9)

    found = values_to_ns([AT - 2, AT, AT + 2, None], terms)

    assert found == [
        "timestamp '1795265998' lies before 2026-11-21T12:59:59Z",
        NS,
        "timestamp '1795266002' lies behind 2026-11-21T13:00:01Z",
        None,
    ]
