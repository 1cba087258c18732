from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.http import QueryDict

from monitoring.api.prometheus.envelope import PrometheusError
from monitoring.api.prometheus.parameters import Parameters, duration, moment
from monitoring.labels import Matcher, MatchOp

pytestmark = pytest.mark.unit


def at(seconds: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", at(0)),
        ("1435781430", at(1435781430)),
        ("1435781430.781", at(1435781430.781)),
        ("1435781430.7815", at(1435781430.782)),
        ("1e9", at(1e9)),
        ("-1.5", at(-1.5)),
        ("2015-07-01T20:10:30Z", at(1435781430)),
        ("2015-07-01T20:10:30.781Z", at(1435781430.781)),
        ("2015-07-01T22:10:30+02:00", at(1435781430)),
    ],
)
def test_times_are_unix_seconds_or_rfc_3339(text, expected):
    assert moment(text) == expected


def test_the_ends_of_gos_time_are_the_ends_of_ours():
    assert moment("-292273086-05-16T16:47:06Z").year == 1
    assert moment("292277025-08-18T07:12:54.999999999Z").year == 9999


@pytest.mark.parametrize(
    "text",
    ["", "abc", "NaN", "Inf", "1e400", "1e300", "2015-07-01", "2015-13-01T00:00:00Z"],
)
def test_no_time(text):
    with pytest.raises(ValueError, match=r"cannot parse .* to a valid timestamp"):
        moment(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15", 15),
        ("0.5", 0.5),
        ("-1", -1),
        ("1e2", 100),
        ("0", 0),
        ("30s", 30),
        ("1h30m", 5400),
        ("1y2w3d4h5m6s7ms", 33_019_506.007),
        ("500ms", 0.5),
    ],
)
def test_durations_are_seconds_or_have_units(text, seconds):
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "abc", "1x", "1m1h", "m", "1.5h", "999999999y"])
def test_no_duration(text):
    with pytest.raises(ValueError, match=r"cannot parse .* to a valid duration"):
        duration(text)


def test_a_duration_of_centuries_of_centuries_overflows():
    with pytest.raises(ValueError, match="overflows int64"):
        duration("1e12")


def test_the_form_goes_before_the_address():
    found = Parameters(QueryDict("a=1&m[]=x"), QueryDict("a=2&b=3&m[]=y"))

    assert (found.text("a"), found.text("b"), found.text("c")) == ("1", "3", "")
    assert found.every("m[]") == ["x", "y"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x", 'invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax'),
        ("-1", 'invalid parameter "limit": limit must be non-negative'),
    ],
)
def test_a_limit_is_a_count(text, problem):
    with pytest.raises(PrometheusError) as refusal:
        Parameters(QueryDict(f"limit={text}")).limit()

    assert str(refusal.value) == problem


def selectors(text):
    form = QueryDict(mutable=True)
    form["match[]"] = text
    return Parameters(form).selectors()


def test_a_selector_becomes_its_matchers():
    assert selectors('up{job=~"a|b"}') == [
        (
            Matcher("__name__", MatchOp.EQUAL, "up"),
            Matcher("job", MatchOp.REGEX, "a|b"),
        )
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{}", "match[] must contain at least one non-empty matcher"),
        ('{a=~".*"}', "match[] must contain at least one non-empty matcher"),
        ("up{", "1:4: parse error: unexpected end of input inside braces"),
        ("rate(up[5m])", "1:1: parse error: expected a series selector and nothing"),
        ("up offset 5m", "1:1: parse error: expected a series selector and nothing"),
        ("up @ 0", "1:1: parse error: expected a series selector and nothing"),
    ],
)
def test_no_selector(text, problem):
    with pytest.raises(PrometheusError) as refusal:
        selectors(text)

    assert str(refusal.value).startswith(f'invalid parameter "match[]": {problem}')
