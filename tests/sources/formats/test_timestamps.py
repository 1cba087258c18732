from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.formats import timestamps
from tests.sources.formats.batches import RECEIVED_NS

pytestmark = pytest.mark.unit

BERLIN = ZoneInfo("Europe/Berlin")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read(text, *, received=RECEIVED_NS, tz=None, leading=False):
    column = pa.array([text], pa.large_string())
    times = timestamps.parse(column, received, tz=tz, leading=leading)
    return timestamps.iso(times).to_pylist()[0]


def at(text):
    return (
        int((datetime.fromisoformat(text) - EPOCH) / timedelta(microseconds=1)) * 1000
    )


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-10-10T13:55:36Z", "2026-10-10T13:55:36Z"),
        ("2026-10-10t13:55:36z", "2026-10-10T13:55:36Z"),
        ("2026-10-10T13:55:36.1Z", "2026-10-10T13:55:36.1Z"),
        ("2026-10-10T13:55:36,120", "2026-10-10T13:55:36.12Z"),
        ("2026-10-10 13:55:36.123456789", "2026-10-10T13:55:36.123456789Z"),
        ("2026-10-10_13:55:36", "2026-10-10T13:55:36Z"),
        ("2026/10/10 13:55:36", "2026-10-10T13:55:36Z"),
        ("2026.10.10 13:55:36", "2026-10-10T13:55:36Z"),
        ("2026-10-10-13.55.36.120345", "2026-10-10T13:55:36.120345Z"),
        ("2026-10-10T13:55", "2026-10-10T13:55:00Z"),
        ("20261010T135536Z", "2026-10-10T13:55:36Z"),
        ("20261010 13:55:36", "2026-10-10T13:55:36Z"),
        ("2026-10-10T13:55:36+02:00", "2026-10-10T11:55:36Z"),
        ("2026-10-10T13:55:36-0930", "2026-10-10T23:25:36Z"),
        ("2026-10-10 13:55:36.5+02", "2026-10-10T11:55:36.5Z"),
        ("2026-10-10 13:55:36 +0530", "2026-10-10T08:25:36Z"),
        ("2026-10-10 13:55:36 UTC", "2026-10-10T13:55:36Z"),
        ("2026-10-10 13:55:36 CEST", "2026-10-10T11:55:36Z"),
        ("2026-10-10 13:55:36 PST", "2026-10-10T21:55:36Z"),
        ("2026-12-31T23:59:60Z", "2027-01-01T00:00:00Z"),
        ("2024-02-29 00:00:00", "2024-02-29T00:00:00Z"),
        ("1815-12-10 00:00:00", "1815-12-10T00:00:00Z"),
        ("10/Oct/2026:13:55:36 -0700", "2026-10-10T20:55:36Z"),
        ("10/OCT/2026:13:55:36", "2026-10-10T13:55:36Z"),
        ("10/Oct/2026:13:55:36.655", "2026-10-10T13:55:36.655Z"),
        ("10/Oct/2026 13:55:36", "2026-10-10T13:55:36Z"),
        ("Sat Oct 10 13:55:36 2026", "2026-10-10T13:55:36Z"),
        ("Thu Oct  1 13:55:36.120345 2026", "2026-10-01T13:55:36.120345Z"),
        ("Sat Oct 10 13:55:36 UTC 2026", "2026-10-10T13:55:36Z"),
        ("Sat, 10 Oct 2026 13:55:36 GMT", "2026-10-10T13:55:36Z"),
        ("Sat, 10 Oct 2026 13:55:36 -0700", "2026-10-10T20:55:36Z"),
        ("10 Oct 2026 13:55:36.120", "2026-10-10T13:55:36.12Z"),
        ("10-Oct-2026 13:55:36.120", "2026-10-10T13:55:36.12Z"),
        ("10.09.2026 13:55:36", "2026-09-10T13:55:36Z"),
        ("10/09/2026 13:55:36", "2026-09-10T13:55:36Z"),
        ("10/13/2026 13:55:36", "2026-10-13T13:55:36Z"),
        ("10/9/2026 1:55:36 PM", "2026-10-09T13:55:36Z"),
        ("10/9/2026 12:00:00 AM", "2026-10-09T00:00:00Z"),
        ("Oct 10, 2026 13:55:36", "2026-10-10T13:55:36Z"),
        ("261010 135536", "2026-10-10T13:55:36Z"),
        ("261010  3:55:36", "2026-10-10T03:55:36Z"),
        ("26/10/10 13:55:36", "2026-10-10T13:55:36Z"),
        ("2026-10-10  3:55:36", "2026-10-10T03:55:36Z"),
        ("1791640536", "2026-10-10T13:55:36Z"),
        ("1791640536.25", "2026-10-10T13:55:36.25Z"),
        ("1791640536120", "2026-10-10T13:55:36.12Z"),
        ("1791640536120345", "2026-10-10T13:55:36.120345Z"),
        ("1791640536120345678", "2026-10-10T13:55:36.120345678Z"),
    ],
)
def test_a_timestamp_is_read(text, time):
    assert read(text) == time


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-10-10",
        "2026-13-10 00:00:00",
        "2026-02-29 00:00:00",
        "2026-10-00 00:00:00",
        "2026-10-10 24:00:00",
        "2026-10-10 13:60:00",
        "2026-10-10 13:55:61",
        "2026-10-10 13:55:36 and more",
        "2026-10-10T13:55:36.1234567890Z",
        "9999-10-10 13:55:36",
        "10/Okt/2026:13:55:36",
        "10/13/2026 13:55:36 PM",
        "10/9/2026 0:55:36 PM",
        "12345",
        "179164053612",
        "9999999999999999999",
        "-1791640536",
    ],
)
def test_what_is_no_timestamp_is_null(text):
    assert read(text) is None


@pytest.mark.parametrize(
    ("received", "text", "time"),
    [
        pytest.param("2026-10-10T14:00:00+00:00", "Oct 10 13:55:36", "2026-10-10T13:55:36Z", id="today"),
        pytest.param("2026-10-10T14:00:00+00:00", "Oct 11 13:55:36", "2026-10-11T13:55:36Z", id="a_day_ahead"),
        pytest.param("2026-10-10T14:00:00+00:00", "Oct 12 13:55:36", "2025-10-12T13:55:36Z", id="last_year"),
        pytest.param("2027-01-01T00:00:05+00:00", "Dec 31 23:59:59", "2026-12-31T23:59:59Z", id="roll_over"),
        pytest.param("2026-12-31T23:59:59+00:00", "Jan  1 00:00:05", "2027-01-01T00:00:05Z", id="clock_ahead_at_new_year"),
        pytest.param("2026-10-10T14:00:00+00:00", "Feb 29 01:02:03", "2024-02-29T01:02:03Z", id="leap_day"),
        pytest.param("2103-10-10T14:00:00+00:00", "Feb 29 01:02:03", "2096-02-29T01:02:03Z", id="no_leap_year_in_2100"),
        pytest.param("2026-10-10T14:00:00+00:00", "Feb 30 01:02:03", None, id="no_such_day"),
        pytest.param("2026-10-10T14:00:00+00:00", "Oct 9 01:02:03.5", "2026-10-09T01:02:03.5Z", id="unpadded"),
        pytest.param("2026-10-10T14:00:00+00:00", "1010 13:55:36.5", "2026-10-10T13:55:36.5Z", id="klog"),
    ],
)  # fmt: skip
def test_a_date_without_a_year_is_the_latest_possible(received, text, time):
    assert read(text, received=at(received)) == time


@pytest.mark.parametrize(
    ("received", "text", "tz", "time"),
    [
        ("2026-10-10T14:00:00+00:00", "13:55:36", None, "2026-10-10T13:55:36Z"),
        ("2026-10-10T14:00:00+00:00", "14:59:59.5", None, "2026-10-10T14:59:59.5Z"),
        ("2026-10-10T14:00:00+00:00", "15:00:01", None, "2026-10-09T15:00:01Z"),
        ("2026-10-10T00:00:05+00:00", "23:59:59", None, "2026-10-09T23:59:59Z"),
        ("2026-10-10T22:30:00+00:00", "00:29:59", BERLIN, "2026-10-10T22:29:59Z"),
        ("2026-10-10T14:00:00+00:00", "25:00:00", None, None),
    ],
)
def test_a_clock_is_of_the_latest_possible_day(received, text, tz, time):
    assert read(text, received=at(received), tz=tz) == time


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-07-10 13:55:36", "2026-07-10T11:55:36Z"),
        ("2026-01-10 13:55:36", "2026-01-10T12:55:36Z"),
        ("2026-07-10 13:55:36Z", "2026-07-10T13:55:36Z"),
        ("Oct 10 13:55:36", "2026-10-10T11:55:36Z"),
        ("1791640536", "2026-10-10T13:55:36Z"),
    ],
)
def test_a_zone_given_counts_where_none_is_named(text, time):
    assert read(text, tz=BERLIN) == time


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-10-10T13:55:36Z: started", "2026-10-10T13:55:36Z"),
        ("2026-10-10 13:55:36,120 - x", "2026-10-10T13:55:36.12Z"),
        ("2026-10-10 13:55:36] x", "2026-10-10T13:55:36Z"),
        ("2026-10-10 13:55:36", "2026-10-10T13:55:36Z"),
        ("2026-10-10 13:55:36 EAST side", "2026-10-10T13:55:36Z"),
        ("2026-10-10 13:55:36 -12 degrees", "2026-10-10T13:55:36Z"),
        ("2026-10-10 13:55:36abc", None),
        ("1791640536 x", "2026-10-10T13:55:36Z"),
        ("1291640536 is too old to be meant", None),
        ("1791640536x", None),
        ("13:55:36:aa:bb:cc is an address", None),
        ("x 2026-10-10T13:55:36Z", None),
    ],
)
def test_a_line_may_begin_with_a_timestamp(text, time):
    assert read(text, leading=True) == time


@pytest.mark.parametrize("before", ["[", "(", "  ", "\t", "<", '"'])
def test_brackets_before_a_leading_timestamp_are_skipped(before):
    lines = pa.array([before + "2026-10-10T13:55:36Z] x"], pa.large_string())

    times = timestamps.parse_leading(lines, RECEIVED_NS)

    assert timestamps.iso(times).to_pylist() == ["2026-10-10T13:55:36Z"]


FIRST = datetime(1700, 1, 1)  # noqa: DTZ001  hypothesis adds the zone
LAST = datetime(2250, 1, 1)  # noqa: DTZ001
MOMENTS = st.datetimes(FIRST, LAST, timezones=st.just(UTC))
PICTURES = """\
%Y-%m-%dT%H:%M:%S.%fZ
%Y/%m/%d %H:%M:%S.%f
%d/%b/%Y:%H:%M:%S.%f +0000
%a %b %d %H:%M:%S.%f %Y
%a, %d %b %Y %H:%M:%S.%f GMT
%Y%m%d %H:%M:%S.%f"""
LAYOUTS = st.sampled_from(PICTURES.split("\n"))


@settings(deadline=None)
@given(st.lists(st.tuples(MOMENTS, LAYOUTS), min_size=1, max_size=20))
def test_many_times_of_many_layouts_come_back(pairs):
    texts = [moment.strftime(layout) for moment, layout in pairs]

    times = timestamps.parse(pa.array(texts, pa.large_string()), RECEIVED_NS)

    micros = [(moment - EPOCH) // timedelta(microseconds=1) for moment, _ in pairs]
    assert times.to_pylist() == [micro * 1000 for micro in micros]


@settings(deadline=None)
@given(st.integers(-(2**62), 2**62))
def test_iso_text_reads_back(nanos):
    text = timestamps.iso(pa.array([nanos], pa.int64()))

    assert timestamps.parse(text, RECEIVED_NS).to_pylist() == [nanos]


def test_the_limits_of_belief():
    times = np.array([timestamps.OLDEST, -timestamps.FURTHEST_AHEAD])
    edge = RECEIVED_NS - times

    assert timestamps.plausible(edge, RECEIVED_NS).all()
    assert not timestamps.plausible(edge + np.array([-1, 1]), RECEIVED_NS).any()
