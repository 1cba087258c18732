"""Charts as drawings: what a page shows before its script takes over.

The markup is that of the design's charts; static/src/charts replaces a drawing by
a live plot of the same size.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django import template
from django.template.context import Context
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from monitoring.services.charts import Chart, ChartSeries, Volume
from monitoring.templatetags import figures, shapes
from monitoring.templatetags.clocks import zone_of

register = template.Library()

AXIS = 20  # pixels under the plot for the times
VOLUME_HEIGHT = 84
HOURS_HEIGHT = 44
_TICK_COUNT = 6
_COLOURS = 8
_DAY_MS = 86_400_000


@register.simple_tag(takes_context=True)
def chart_drawing(context: Context, chart: Chart) -> SafeString:
    """Return axis and plot of a chart."""
    plot = chart.height - AXIS
    low, high = _scale(chart)
    ticks = [low + (high - low) * i / 4 for i in range(5)]
    lines = [
        (
            plot * (1 - (tick - low) / (high - low)),
            figures.in_unit(tick, chart.unit.removesuffix("/s")),
        )
        for tick in ticks
    ]
    return format_html(
        '<svg height="{0}" aria-hidden="true">{1}</svg><svg height="{0}" '
        'aria-hidden="true">{2}<svg width="100%" height="{3}" viewBox="0 0 1000 100" '
        'preserveAspectRatio="none">{4}</svg>{5}{6}</svg>',
        chart.height,
        _axis_labels(lines),
        _grid(lines),
        plot,
        _series(chart, low, high),
        _thresholds(chart, low, high, plot),
        _times(chart.start_ms, chart.end_ms, chart.height - 3, zone_of(context)),
    )


def _scale(chart: Chart) -> tuple[float, float]:
    values = [v for s in chart.series for v in s.values]
    values += [t.value for t in chart.thresholds]
    lowest, highest = shapes.extent(values, lowest=0.0)
    low = -shapes.nice_top(-lowest, chart.unit) if lowest < 0 else 0.0
    if chart.top is not None:
        return low, chart.top
    if low < 0 and not any(v is not None and v > 0 for v in values):
        return low, 0.0
    return low, shapes.nice_top(highest, chart.unit)


def _axis_labels(lines: Sequence[tuple[float, str]]) -> SafeString:
    return format_html_join(
        "",
        '<text x="36" y="{}" text-anchor="end">{}</text>',
        ((f"{y + 3.5:.1f}", text) for y, text in lines),
    )


def _grid(lines: Sequence[tuple[float, str]]) -> SafeString:
    return format_html_join(
        "",
        '<line class="{}" x1="0" x2="100%" y1="{}" y2="{}"/>',
        (
            ("g0" if index == 0 else "g", f"{y:.0f}", f"{y:.0f}")
            for index, (y, _) in enumerate(lines)
        ),
    )


def _series(chart: Chart, low: float, high: float) -> SafeString:
    bands = format_html_join(
        "",
        '<rect class="thr-band" data-status="{}" width="1000" height="{}"/>',
        (
            (t.status, f"{100 * (1 - (t.value - low) / (high - low)):.1f}")
            for t in chart.thresholds
            if t.band == "above"
        ),
    )
    drawn = (
        _line(series, series_class(chart.series, index), low, high)
        for index, series in enumerate(chart.series)
    )
    return bands + format_html_join("", "{}", ((line,) for line in drawn))


def _line(series: ChartSeries, kind: str, low: float, high: float) -> SafeString:
    runs = shapes.points(series.values, width=1000, height=100, low=low, high=high)
    line = format_html('<path class="ln {}" d="{}"/>', kind, shapes.line_path(runs))
    if not series.area:
        return line
    area = format_html(
        '<path class="ar {}" d="{}"/>', kind, shapes.area_path(runs, 100)
    )
    return area + line


def series_class(series: Sequence[ChartSeries], index: int) -> str:
    """Return the class of a series: c1 to c8 in turn, cmp for a comparison."""
    if series[index].compare:
        return "cmp"
    place = sum(not s.compare for s in series[:index])
    return f"c{place % _COLOURS + 1}"


def _thresholds(chart: Chart, low: float, high: float, plot: int) -> SafeString:
    lines = [plot * (1 - (t.value - low) / (high - low)) for t in chart.thresholds]
    drawn = format_html_join(
        "",
        '<line class="thr" data-status="{0}" x1="0" x2="100%" y1="{1}" y2="{1}"/>',
        ((t.status, f"{y:.1f}") for t, y in zip(chart.thresholds, lines, strict=True)),
    )
    labels = format_html_join(
        "",
        '<text class="thr-text" data-status="{0}" x="6" y="{1}">{2}</text>',
        (
            (t.status, f"{y:.1f}", t.text)
            for t, y in zip(chart.thresholds, shapes.label_places(lines), strict=True)
            if y is not None
        ),
    )
    return drawn + labels


def _times(start_ms: int, end_ms: int, y: int, zone: ZoneInfo) -> SafeString:
    form = "%d %b" if end_ms - start_ms > 2 * _DAY_MS else "%H:%M"
    places = [(i + 0.5) / _TICK_COUNT for i in range(_TICK_COUNT)]
    return format_html_join(
        "",
        '<text x="{}%" y="{}" text-anchor="middle"{}>{}</text>',
        (
            (
                f"{place * 100:.1f}",
                y,
                SafeString(' class="hide-s"' if index % 2 else ""),
                f"{_at(start_ms + (end_ms - start_ms) * place, zone):{form}}",
            )
            for index, place in enumerate(places)
        ),
    )


def _at(ms: float, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone)


@register.simple_tag
def chart_legend(chart: Chart) -> SafeString:
    """Return the legend: last, lowest and highest value of each series."""
    rows = format_html_join(
        "",
        '<tr><th scope="row"><svg class="key" aria-hidden="true"><path class="ln {}" '
        'd="M0 4H14"/></svg>{}</th><td>{}</td><td>{}</td><td>{}</td></tr>',
        (
            (
                series_class(chart.series, index),
                series.name,
                *_facts(series, chart.unit),
            )
            for index, series in enumerate(chart.series)
        ),
    )
    return format_html(
        '<table class="legend"><thead><tr><th scope="col"><span class="hide">Series'
        '</span></th><th scope="col">last</th><th scope="col">min</th>'
        '<th scope="col">max</th></tr></thead><tbody>{}</tbody></table>',
        rows,
    )


def _facts(series: ChartSeries, unit: str) -> tuple[str, str, str]:
    known = [v for v in series.values if v is not None]
    if not known:
        return (figures.NONE,) * 3
    last, low, high = known[-1], min(known), max(known)
    return tuple(figures.in_unit(v, unit) for v in (last, low, high))  # type: ignore[return-value]  # three in, three out


@register.simple_tag(takes_context=True)
def volume_drawing(context: Context, volume: Volume) -> SafeString:
    """Return the histogram of log lines, errors at the bottom."""
    plot = VOLUME_HEIGHT - AXIS
    top = shapes.nice_top(max((c.total for c in volume.columns), default=0))
    lines = [(float(plot), "0"), (plot / 2, figures.number(top / 2))]
    lines.append((0.0, figures.number(top)))
    columns = [
        [("error", c.error), ("warn", c.warn), ("info", c.info)] for c in volume.columns
    ]
    bars = format_html_join(
        "",
        '<rect data-level="{}" x="{}" y="{}" width="{}" height="{}"/>',
        (
            (bar.status, bar.x, bar.y, bar.width, bar.height)
            for bar in shapes.stacked(columns, height=plot, top=top)
        ),
    )
    return format_html(
        '<svg height="{0}" aria-hidden="true">{1}</svg><svg height="{0}" '
        'aria-hidden="true" data-brush>{2}<g class="hist">{3}</g>{4}</svg>',
        VOLUME_HEIGHT,
        _axis_labels(lines),
        _grid(lines),
        bars,
        _times(volume.start_ms, volume.end_ms, VOLUME_HEIGHT - 3, zone_of(context)),
    )


@register.simple_tag
def hours_drawing(hours: Sequence[dict[str, int]], description: str) -> SafeString:
    """Return alerts an hour: other ones light, standing on the critical ones."""
    columns = [
        [("critical", hour["critical"]), ("warning", hour["other"])] for hour in hours
    ]
    top = max((hour["critical"] + hour["other"] for hour in hours), default=0) or 1
    bars = format_html_join(
        "",
        '<rect data-status="{}" x="{}" y="{}" width="{}" height="{}" rx="1"/>',
        (
            (bar.status, bar.x, bar.y, bar.width, bar.height)
            for bar in shapes.stacked(columns, height=HOURS_HEIGHT, top=top)
        ),
    )
    return format_html(
        '<svg class="freq-bars" width="100%" height="62" role="img" aria-label="{0}">'
        '{1}<line class="g0" x1="0" x2="100%" y1="{2}" y2="{2}"/><text x="0" y="60">'
        '{3} h ago</text><text x="100%" y="60" text-anchor="end">now</text></svg>',
        description,
        bars,
        HOURS_HEIGHT,
        len(hours),
    )
