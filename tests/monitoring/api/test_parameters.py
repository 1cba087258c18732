from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from rest_framework.exceptions import ValidationError

from monitoring.api.parameters import (
    duration,
    matchers,
    moment,
    refuse_unknown,
    time_range,
    whole_number,
)
from monitoring.labels import Matcher, MatchOp

pytestmark = pytest.mark.unit

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", timedelta(seconds=90)),
        ("1.5", timedelta(seconds=1.5)),
        ("500ms", timedelta(milliseconds=500)),
        ("1h30m", timedelta(minutes=90)),
        ("2d", timedelta(days=2)),
    ],
)
def test_durations_are_read_as_prometheus_writes_them(text, expected):
    assert duration(text, "range") == expected


@pytest.mark.parametrize(
    "text", ["", "h", "1x", "1h 30m", "-5m", "1h30", "9" * 30 + "y"]
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValidationError):
        duration(text, "range")


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01T13:00:00+01:00",
        "2026-03-01T13:00:00 01:00",  # a plus sign that was not escaped
        "1772366400",
        "1772366400.0",
    ],
)
def test_moments_are_rfc_3339_or_unix_seconds(text):
    assert moment(text, "start") == NOW


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01T00:00:00Z", "9" * 30, "nan"])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(ValidationError):
        moment(text, "start")


def test_a_range_ends_now_by_default():
    assert time_range({"range": "1h"}, now=NOW, default=timedelta(days=1)) == (
        NOW - timedelta(hours=1),
        NOW,
    )


def test_a_range_that_ends_before_it_starts_is_refused():
    query = {"start": "1772366400", "end": "1772366300"}

    with pytest.raises(ValidationError):
        time_range(query, now=NOW, default=timedelta(hours=1))


def test_matchers_are_read_as_in_a_selector():
    assert matchers('{env="prod", host!~"a|b",say="a \\"b\\""}') == (
        Matcher("env", MatchOp.EQUAL, "prod"),
        Matcher("host", MatchOp.NOT_REGEX, "a|b"),
        Matcher("say", MatchOp.EQUAL, 'a "b"'),
    )


@pytest.mark.parametrize(
    "text", ["{", "{env}", "{env=prod}", '{env="a" x', '{env=~"("}']
)
def test_what_is_no_selector_is_refused(text):
    with pytest.raises(ValidationError):
        matchers(text)


def test_no_selector_is_no_condition():
    assert matchers("") == matchers("{}") == ()


@pytest.mark.parametrize("text", ["0", "1001", "ten", "-1", "1e3"])
def test_a_number_out_of_bounds_is_refused(text):
    with pytest.raises(ValidationError):
        whole_number({"limit": text}, "limit", default=100, least=1, most=1000)


def test_an_unknown_parameter_is_named():
    with pytest.raises(ValidationError) as refusal:
        refuse_unknown({"form": "1"}, {"from"})

    assert "form" in refusal.value.detail
