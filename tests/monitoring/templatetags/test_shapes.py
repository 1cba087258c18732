from __future__ import annotations

import pytest

from monitoring.templatetags import shapes

pytestmark = pytest.mark.unit


def test_a_sparkline_breaks_where_a_value_is_missing():
    path = shapes.spark([1, 2, None, 2, 1], height=24)

    assert path.line.count("M") == 2


def test_a_sparkline_of_nothing_is_empty():
    assert shapes.spark([None, None], height=24) == shapes.Spark("", "")


def test_a_flat_sparkline_stays_inside_its_box():
    path = shapes.spark([5, 5, 5], height=24)

    ordinates = [float(p.split()[1]) for p in path.line[1:].split("L")]
    assert all(0 <= y <= 24 for y in ordinates)


def test_a_sparkline_needs_a_sixth_of_its_time():
    nearly = [None] * 51 + [1.0] * 9

    assert shapes.spark(nearly, height=24) == shapes.Spark("", "")
    assert shapes.spark([*nearly[1:], 1.0], height=24).line.startswith("M84")


def test_a_sparkline_of_small_changes_looks_steady():
    path = shapes.spark([99.0, 100.0, 99.5], height=24)

    ordinates = [float(p.split()[1]) for p in path.line[1:].split("L")]
    assert max(ordinates) - min(ordinates) < 3


@pytest.mark.parametrize(
    ("lines", "places"),
    [
        ([40.0], [35.0]),
        ([18.0, 9.5], [30.0, 4.5]),
        ([20.0, 60.0], [15.0, 55.0]),
        ([20.0, 21.0, 22.0], [15.0, 33.0, None]),
    ],
)
def test_labels_of_close_thresholds_do_not_cover_each_other(lines, places):
    assert shapes.label_places(lines) == places


def test_the_worst_status_stands_tallest_in_the_watch():
    ticks = shapes.watch(["ok", "warning", "critical"])

    assert [tick.height for tick in ticks] == ["4", "13", "24"]


def test_healthy_ticks_of_the_watch_carry_no_colour():
    assert shapes.watch(["ok"])[0].status == ""


def test_a_histogram_stacks_from_the_bottom():
    bars = shapes.stacked([[("error", 1), ("info", 3)]], height=40, top=4)

    assert [(bar.status, bar.y, bar.height) for bar in bars] == [
        ("error", "30.0", "10.0"),
        ("info", "0.0", "30.0"),
    ]


@pytest.mark.parametrize(
    ("highest", "top"),
    [(0, 1.0), (0.7, 0.8), (3.1, 4.0), (61, 80.0), (1_842, 2000.0), (9_500, 10_000.0)],
)
def test_an_axis_ends_at_a_round_number(highest, top):
    assert shapes.nice_top(highest) == pytest.approx(top)
