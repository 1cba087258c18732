from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitoring.templatetags import figures

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 18, 3, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"),
        (float("nan"), "—"),
        (0, "0"),
        (0.25, "0.25"),
        (9.5, "9.5"),
        (1842, "1,842"),
        (12_800, "12.8 k"),
        (3_400_000, "3.4 M"),
        (-12_800, "-12.8 k"),
    ],
)
def test_a_count_is_short_and_keeps_its_meaning(value, text):
    assert figures.number(value) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (97.4, "percent", "97 %"),
        (6.84, "percent", "6.8 %"),
        (0, "percent", "0 %"),
        (1842, "count/s", "1,842 /s"),
        (1536, "bytes", "1.5 KiB"),
        (512, "bytes", "512 B"),
        (3 * 2**20, "bytes/s", "3 MiB/s"),
        (None, "bytes/s", "—"),
        (0.084, "seconds", "84 ms"),
        (3.1, "seconds", "3.1 s"),
        (7500, "seconds", "2 h 5 min"),
        (42, "", "42"),
    ],
)
def test_a_value_speaks_the_words_of_its_unit(value, unit, text):
    assert figures.in_unit(value, unit) == text


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=13, seconds=40), "13 min"),
        (timedelta(hours=2, minutes=5), "2 h 5 min"),
        (timedelta(hours=14, minutes=5), "14 h"),
        (timedelta(days=3, hours=5), "3 d"),
    ],
)
def test_a_span_has_two_units_at_most(length, text):
    assert figures.span(length) == text


def test_the_last_seconds_are_now():
    assert figures.ago(NOW - timedelta(seconds=3), now=NOW) == "now"


def test_what_never_happened_is_never():
    assert figures.ago(None, now=NOW) == "never"


def test_a_figure_parts_from_its_unit():
    assert figures.split_unit("12.8 k") == ("12.8", "k")
