"""What the metric explorer shows of one query: a chart, a table, or what is wrong."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from accounts.scope import Scope
from monitoring import promql
from monitoring.labels import METRIC_NAME, Labels
from monitoring.promql import PromQLError, TooMuchDataError
from monitoring.services.charts import Chart, ChartSeries
from monitoring.services.metadata import metric_metadata
from monitoring.services.queries import instant, range_query
from monitoring.services.ranges import TimeRange, step_words

# More lines than this nobody tells apart; more rows nobody reads.
CHARTED, LISTED = 24, 500
POINTS = 240
TIMEOUT = timedelta(seconds=30)

# How far back a comparison looks, by its word in the address.
COMPARISONS = {"1d": timedelta(days=1), "1w": timedelta(weeks=1)}

# Units that stand at the end of metrics' names, and that charts know.
_UNITS = ("bytes", "seconds", "percent")


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with an expression; `position` is a character of it, if known."""

    text: str
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    labels: dict[str, str]
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Exploration:
    """`total` counts the series of the answer, of which the chart shows the first."""

    expr: str
    chart: Chart | None = None
    rows: Sequence[Row] = ()
    total: int = 0
    took_ms: float = 0.0
    complaint: Complaint | None = None
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def pointed(self) -> tuple[str, str, str] | None:
        """The expression before, at and behind the mistake, when its place is known."""
        if self.complaint is None or self.complaint.position is None:
            return None
        at = min(self.complaint.position, max(0, len(self.expr) - 1))
        return self.expr[:at], self.expr[at : at + 1], self.expr[at + 1 :]

    @property
    def unlisted(self) -> int:
        return max(0, self.total - len(self.rows))


def explore(
    scope: Scope,
    expr: str,
    shown: TimeRange,
    *,
    key: str,
    title: str,
    compare: str = "",
    url: str = "",
) -> Exploration:
    """Evaluate an expression over the range and at its end; errors are part of it.

    `url` answers the same charts as JSON, for what comes later.
    """
    begun = time.perf_counter()
    try:
        drawn, total, notes = _charted(scope, expr, shown, compare)
        chart = replace(drawn, key=key, title=title, url=url)
        latest = instant(scope, expr, now=shown.end, timeout=TIMEOUT)
    except (PromQLError, TooMuchDataError) as error:
        position = getattr(error, "position", None)
        return Exploration(expr, complaint=Complaint(str(error), position))
    rows = rows_of(latest)
    return Exploration(
        expr,
        chart=chart,
        rows=rows[:LISTED],
        total=max(total, len(rows)),
        took_ms=1000 * (time.perf_counter() - begun),
        notes=notes,
    )


def _charted(
    scope: Scope, expr: str, shown: TimeRange, compare: str
) -> tuple[Chart, int, list[str]]:
    step = shown.step(points=POINTS)
    start, end = shown.aligned(step)
    found = _evaluated(scope, expr, start, end, step)
    series = series_of(found)
    back = COMPARISONS.get(compare)
    if back is not None:
        before = _evaluated(scope, expr, start - back, end - back, step)
        series += [_compared(each, compare) for each in series_of(before)]
    total = len(found.labels)
    chart = Chart(
        key="",
        title="",
        note=series_note(total, step),
        unit=_unit(scope, found),
        times_ms=found.steps_ms.tolist(),
        series=series,
        start_ms=int(start.timestamp() * 1000),
        end_ms=int(end.timestamp() * 1000),
        height=280,
        empty="No series answers in this time.",
        description=f"{total} series of {expr[:200]}",
    )
    return chart, total, [*found.warnings, *found.infos]


def _evaluated(
    scope: Scope, expr: str, start: datetime, end: datetime, step: timedelta
) -> promql.Result:
    return range_query(scope, expr, start=start, end=end, step=step, timeout=TIMEOUT)


def _unit(scope: Scope, found: promql.Result) -> str:
    """Return what a single metric is measured in; a calculation's unit is not known."""
    names = {dict(labels).get(METRIC_NAME, "") for labels in found.labels}
    name = names.pop() if len(names) == 1 else ""
    if not name:
        return ""
    said = metric_metadata(scope, metric=name)
    unit = said[name].unit if name in said else ""
    return unit or next((u for u in _UNITS if name.endswith(f"_{u}")), "")


def series_note(total: int, step: timedelta) -> str:
    every = f"every {step_words(step)}"
    if total > CHARTED:
        return f"the first {CHARTED} of {total:,} series, {every}"
    return f"{total} series, {every}"


def series_of(found: promql.Result) -> list[ChartSeries]:
    """Return the first lines; what is not a finite number is a gap."""
    values = np.where(found.present, found.values, np.nan)[:CHARTED]
    names = _short_names(list(found.labels[:CHARTED]))
    return [
        ChartSeries(name, [v if math.isfinite(v) else None for v in row])
        for name, row in zip(names, values.tolist(), strict=True)
    ]


def _compared(series: ChartSeries, compare: str) -> ChartSeries:
    ago = {"1d": "a day ago", "1w": "a week ago"}[compare]
    return ChartSeries(f"{series.name}, {ago}", series.values, compare=True)


def _short_names(series: Sequence[Labels]) -> list[str]:
    """Return names that leave out what all series have in common."""
    sets = [dict(labels) for labels in series]
    if len(sets) == 1:
        return [_full_name(series[0])]
    common = {
        name
        for name, value in (sets[0].items() if sets else ())
        if all(labels.get(name) == value for labels in sets)
    }
    return [
        _full_name(tuple(pair for pair in labels if pair[0] not in common)) or "{}"
        for labels in series
    ]


def _full_name(labels: Labels) -> str:
    """Return a series as PromQL writes it, without the quotes that cost room."""
    name = dict(labels).get(METRIC_NAME, "")
    others = ", ".join(f"{n}={v}" for n, v in labels if n != METRIC_NAME)
    if not others:
        return name or "value"
    return f"{name} {{{others}}}" if name else others


def rows_of(found: promql.Result) -> list[Row]:
    """Return the instant answer's series, those of the highest value first."""
    if found.type is promql.ResultType.STRING:
        return []
    rows = [
        Row(dict(labels), _full_name(labels), float(found.values[index, -1]))
        for index, labels in enumerate(found.labels)
        if found.present[index, -1]
    ]
    return sorted(rows, key=_rank)


def _rank(row: Row) -> tuple[bool, float, str]:
    unknown = math.isnan(row.value)
    return unknown, 0.0 if unknown else -row.value, row.name


@dataclass(frozen=True, slots=True)
class ListedMetric:
    name: str
    type: str
    unit: str
    help: str


def list_metrics(scope: Scope, *, contains: str = "") -> list[ListedMetric]:
    """Return the metrics with all these words in their name or help, by name."""
    words = contains.lower().split()
    listed = [
        ListedMetric(name, said.type, said.unit, said.help)
        for name, said in sorted(metric_metadata(scope).items())
    ]
    return [
        each
        for each in listed
        if all(word in f"{each.name} {each.help}".lower() for word in words)
    ]
