from __future__ import annotations

import pytest
from django.template import Context, Template

from monitoring.services.charts import (
    Chart,
    ChartSeries,
    Threshold,
    Volume,
    VolumeColumn,
)

pytestmark = pytest.mark.unit


def chart(**changes):
    given = {
        "key": "cpu",
        "title": "CPU",
        "note": "%",
        "unit": "percent",
        "times_ms": [0, 60_000, 120_000],
        "series": [ChartSeries("web-1", [10, None, 95], area=True)],
        "start_ms": 0,
        "end_ms": 120_000,
        "top": 100,
        "thresholds": [Threshold("critical", 90, "critical 90 %", band="above")],
    }
    return Chart(**{**given, **changes})


def render(source, **context):
    return Template("{% load charts %}" + source).render(Context(context))


def test_a_gap_in_the_data_is_a_gap_in_the_line():
    html = render("{% chart_drawing chart %}", chart=chart())

    assert html.count('class="ln c1" d="M0 90M1000 5"') == 1


def test_a_threshold_is_drawn_with_its_words():
    html = render("{% chart_drawing chart %}", chart=chart())

    assert "critical 90 %</text>" in html


def test_the_legend_tells_last_min_and_max():
    html = render("{% chart_legend chart %}", chart=chart())

    assert "<td>95 %</td><td>10 %</td><td>95 %</td>" in html


def test_a_comparison_takes_no_colour_from_the_palette():
    series = [ChartSeries("before", [1], compare=True), ChartSeries("now", [1])]

    html = render("{% chart_legend chart %}", chart=chart(series=series))

    assert 'class="ln cmp"' in html
    assert 'class="ln c1"' in html


def test_a_volume_without_lines_has_no_bars():
    volume = Volume(0, 1000, "per minute", [VolumeColumn(0, 0, 0, 0)])

    assert "data-level" not in render("{% volume_drawing volume %}", volume=volume)
