from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from monitoring.services.ranges import TimeRange, step_words

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 18, 3, 4, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def parse(**params):
    return TimeRange.parse(params, now=NOW, zone=BERLIN)


def test_a_relative_range_ends_now():
    chosen = parse(range="6h")

    assert (chosen.start, chosen.end) == (NOW - timedelta(hours=6), NOW)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"range": "a year"},
        {"start": "yesterday", "end": "today"},
        {"start": "2026-11-18T02:00", "end": "2026-11-18T01:00"},
    ],
)
def test_nonsense_falls_back_to_the_last_hour(params):
    assert parse(**params).key == "1h"


def test_a_time_without_offset_is_in_the_readers_zone():
    chosen = parse(start="2026-11-18T02:00", end="2026-11-18T03:00")

    assert chosen.start == datetime(2026, 11, 18, 1, 0, tzinfo=UTC)


def test_an_absolute_range_is_not_live():
    assert not parse(start="2026-11-18T02:00", end="2026-11-18T03:00").is_live


def test_an_absolute_range_says_its_times_in_the_readers_zone():
    chosen = parse(start="2026-11-18T01:00Z", end="2026-11-18T02:30Z")

    assert chosen.label == "18 Nov 02:00 to 03:30"


@pytest.mark.parametrize(
    ("key", "seconds"), [("15m", 5), ("1h", 15), ("24h", 300), ("7d", 3600)]
)
def test_the_step_is_round_and_gives_few_enough_points(key, seconds):
    assert parse(range=key).step(points=300) == timedelta(seconds=seconds)


def test_an_aligned_range_covers_the_whole_one():
    start, end = parse(range="1h").aligned(timedelta(hours=1))

    assert (start.hour, end.hour) == (2, 4)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(15, "15 s"), (90, "90 s"), (300, "5 min"), (7200, "2 h"), (172_800, "2 d")],
)
def test_a_step_is_written_in_whole_units(seconds, words):
    assert step_words(timedelta(seconds=seconds)) == words
