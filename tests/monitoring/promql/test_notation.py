from __future__ import annotations

import math

import pytest

from monitoring.labels import make_labels
from monitoring.promql.notation import (
    NotationError,
    parse_metric,
    parse_points,
)
from tests.monitoring.promql.script import parse_duration

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("1 2.5 -3e2", [1, 2.5, -300]),
        ("1+2x3", [1, 3, 5, 7]),
        ("5-2x2", [5, 3, 1]),
        ("-2+4x3", [-2, 2, 6, 10]),
        ("7x2", [7, 7, 7]),
        ("1 _ 2", [1, None, 2]),
        ("_x3 1", [None, None, None, 1]),
        ("Inf -Inf", [math.inf, -math.inf]),
    ],
)
def test_points_are_written_out(text, points):
    assert parse_points(text) == points


@pytest.mark.parametrize("text", ["stale", "NaN"])
def test_a_stale_marker_is_a_nan_of_its_own(text):
    (point,) = parse_points(text)

    assert math.isnan(point)


def test_native_histograms_are_refused():
    with pytest.raises(NotationError, match="native histograms"):
        parse_points("{{schema:0 sum:1}}")


@pytest.mark.parametrize("text", ["1x1000001", "1x999999 2", "_x9999999"])
def test_a_word_does_not_stand_for_more_samples_than_memory_has(text):
    with pytest.raises(NotationError, match="1000000 samples"):
        parse_points(text)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("x 1", {"__name__": "x"}),
        ('x{a="b", c="d"} 1', {"__name__": "x", "a": "b", "c": "d"}),
        ("{} 1", {}),
        ('{"with.dots", a="b"} 1', {"__name__": "with.dots", "a": "b"}),
        ('x{a="br}ace"} 1', {"__name__": "x", "a": "br}ace"}),
        ('x{a="say \\"so"} 1', {"__name__": "x", "a": 'say "so'}),
        ('x{"l.b"="v"} 1', {"__name__": "x", "l.b": "v"}),
    ],
)
def test_a_metric_is_read_up_to_its_points(text, labels):
    assert parse_metric(text) == (make_labels(labels), "1")


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("5m", 300_000), ("1h30m", 5_400_000), ("10", 10_000), ("250ms", 250), ("0", 0)],
)
def test_durations_are_milliseconds(text, milliseconds):
    assert parse_duration(text) == milliseconds
