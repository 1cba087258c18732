"""What the overview shows of an organization's hosts: figures, resources, charts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from accounts.scope import Scope
from monitoring.models import LogStream, Series
from monitoring.promql import PromQLError
from monitoring.services import queries
from monitoring.services.charts import Chart, ChartSeries, Threshold
from monitoring.services.ranges import TimeRange
from monitoring.telemetry import TooMuchDataError

CHART_POINTS = 240
MOST_SERIES = 8
MOST_RESOURCES = 8
NEARLY_FULL = (
    Threshold("warning", 80, "warning 80 %"),
    Threshold("critical", 90, "critical 90 %", band="above"),
)


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that fills up; `share` is in percent."""

    name: str
    share: float
    detail: str


@dataclass(frozen=True, slots=True)
class Line:
    """One series of an answer: NaN and absent are None."""

    labels: dict[str, str]
    values: list[float | None]


@dataclass(frozen=True, slots=True)
class Answer:
    """A query's answer over a range, or nothing when it could not be answered."""

    times_ms: list[int] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


def has_telemetry(scope: Scope) -> bool:
    return (
        Series.objects.visible_to(scope).exists()
        or LogStream.objects.visible_to(scope).exists()
    )


def ask(scope: Scope, expr: str, shown: TimeRange, *, points: int) -> Answer:
    """Return an expression over a page's range; too much or too slow is empty."""
    step = shown.step(points=points)
    start, end = shown.aligned(step)
    try:
        result = queries.range_query(
            scope, expr, start=start, end=min(end, shown.end), step=step
        )
    except (PromQLError, TooMuchDataError):
        return Answer()
    lines = [
        Line(dict(labels), [v if math.isfinite(v) else None for v in values])
        for labels, values in zip(result.labels, result.values.tolist(), strict=True)
    ]
    return Answer(result.steps_ms.tolist(), lines)


def resources(scope: Scope, *, now: datetime) -> list[Resource]:
    """Return what fills up on the organization's hosts, fullest first."""
    found = [
        *_shares(scope, "CPU", "avg by (source) (host_cpu_usage_ratio)", now),
        *_shares(scope, "memory", "max by (source) (host_memory_usage_ratio)", now),
        *_shares(scope, "swap", "max by (source) (host_swap_usage_ratio)", now),
        *_shares(
            scope,
            "",
            "max by (source, mountpoint) (host_filesystem_usage_ratio)",
            now,
        ),
    ]
    several = len({source for source, _ in found}) > 1
    named = [
        Resource(
            f"{source} {what}" if several else f"{what[:1].upper()}{what[1:]}",
            share,
            f"{what} of {source}",
        )
        for source, (what, share) in found
    ]
    return sorted(named, key=lambda r: -r.share)[:MOST_RESOURCES]


def _shares(
    scope: Scope, what: str, expr: str, now: datetime
) -> list[tuple[str, tuple[str, float]]]:
    try:
        result = queries.instant(scope, expr, now=now)
    except (PromQLError, TooMuchDataError):
        return []
    shares = []
    for labels, value in zip(result.labels, result.values[:, 0].tolist(), strict=True):
        told = dict(labels)
        name = what or f"{told.get('mountpoint', '')} disk"
        if math.isfinite(value):
            shares.append((told.get("source", ""), (name, 100 * value)))
    return shares


@dataclass(frozen=True, slots=True)
class Plot:
    """A chart of the overview; several expressions are several kinds of line."""

    key: str
    title: str
    note: str
    unit: str
    exprs: tuple[tuple[str, str], ...]
    top: float | None = None
    thresholds: Sequence[Threshold] = ()
    height: int = 150


PLOTS = (
    Plot(
        "cpu",
        "CPU",
        "%, mean of all cores",
        "percent",
        (("", "100 * avg by (source) (host_cpu_usage_ratio)"),),
        top=100,
        thresholds=NEARLY_FULL,
        height=196,
    ),
    Plot(
        "memory",
        "Memory",
        "%, not available",
        "percent",
        (("", "100 * max by (source) (host_memory_usage_ratio)"),),
        top=100,
        thresholds=NEARLY_FULL,
    ),
    Plot(
        "load",
        "Load",
        "processes, mean of 1 minute",
        "",
        (("", "max by (source) (node_load1)"),),
    ),
    Plot(
        "network",
        "Network",
        "bytes per second",
        "bytes/s",
        (
            ("received", "sum by (source) (host_network_receive_bytes_per_second)"),
            ("sent", "sum by (source) (host_network_transmit_bytes_per_second)"),
        ),
    ),
    Plot(
        "disk",
        "Disk reads and writes",
        "bytes per second",
        "bytes/s",
        (
            ("read", "sum by (source) (rate(node_disk_read_bytes_total[1m]))"),
            ("written", "sum by (source) (rate(node_disk_written_bytes_total[1m]))"),
        ),
    ),
)


def charts(scope: Scope, shown: TimeRange, *, url: str) -> list[Chart]:
    return [_chart(scope, plot, shown, url) for plot in PLOTS]


def _chart(scope: Scope, plot: Plot, shown: TimeRange, url: str) -> Chart:
    answers = [
        (word, ask(scope, expr, shown, points=CHART_POINTS))
        for word, expr in plot.exprs
    ]
    several = any(len(answer.lines) > 1 for _, answer in answers)
    series = [
        ChartSeries(_name(plot, word, line, several=several), line.values, area=True)
        for word, answer in answers
        for line in answer.lines
    ][:MOST_SERIES]
    times = next((a.times_ms for _, a in answers if a.times_ms), [])
    return Chart(
        key=plot.key,
        title=plot.title,
        note=plot.note,
        unit=plot.unit,
        times_ms=times,
        series=[ChartSeries(s.name, s.values, area=len(series) == 1) for s in series],
        start_ms=int(shown.start.timestamp() * 1000),
        end_ms=int(shown.end.timestamp() * 1000),
        height=plot.height,
        top=plot.top,
        thresholds=plot.thresholds,
        url=url,
        description=f"{plot.title}, {plot.note}, {shown.label.lower()}.",
        empty="No source reports this. Add one of kind “Host metrics”.",
    )


def _name(plot: Plot, word: str, line: Line, *, several: bool) -> str:
    source = line.labels.get("source", "")
    if not word:
        return source or plot.title
    return f"{source}, {word}" if several else word


@dataclass(frozen=True, slots=True)
class Figure:
    """A key figure with its course over the range."""

    key: str
    label: str
    value: float | None
    unit: str
    status: str = "ok"
    trend: str = ""
    delta: str = ""
    spark: list[float | None] = field(default_factory=list)
    url: str = ""


SPARK_POINTS = 60
_HOST_FIGURES = (
    ("cpu", "CPU", "100 * avg(host_cpu_usage_ratio)", "percent"),
    ("memory", "Memory", "100 * max(host_memory_usage_ratio)", "percent"),
    ("load", "Load", "max(node_load1)", ""),
    (
        "network",
        "Network in",
        "sum(host_network_receive_bytes_per_second)",
        "bytes/s",
    ),
)
WARNING_FROM, CRITICAL_FROM = 80, 90
_STEADY = 0.1


def host_figures(scope: Scope, shown: TimeRange) -> list[Figure]:
    return [
        host_figure(
            key,
            label,
            ask(scope, expr, shown, points=SPARK_POINTS),
            unit,
            now=_value_at(scope, expr, shown.end),
        )
        for key, label, expr, unit in _HOST_FIGURES
    ]


def host_figure(
    key: str, label: str, answer: Answer, unit: str, *, now: float | None
) -> Figure:
    """Return a figure from its course and its value `now`, at the range's end."""
    course = answer.lines[0].values if answer.lines else []
    begun = next((i for i, v in enumerate(course) if v is not None), len(course))
    first = course[begun] if begun < len(course) else None
    status = share_status(now) if unit == "percent" else "ok"
    return Figure(key, label, now, unit, status, trend=trend(first, now), spark=course)


def _value_at(scope: Scope, expr: str, moment: datetime) -> float | None:
    try:
        result = queries.instant(scope, expr, now=moment)
    except (PromQLError, TooMuchDataError):
        return None
    values = [v for v in result.values[:, 0].tolist() if math.isfinite(v)]
    return values[0] if values else None


def share_status(share: float | None) -> str:
    """Return the status of something so many percent full."""
    if share is None:
        return "unknown"
    if share >= CRITICAL_FROM:
        return "critical"
    return "warning" if share >= WARNING_FROM else "ok"


def trend(first: float | None, last: float | None) -> str:
    """Return whether a value rose, fell or stayed within a tenth."""
    if first is None or last is None:
        return ""
    if abs(last - first) <= _STEADY * max(abs(first), abs(last)):
        return "flat"
    return "up" if last > first else "down"
