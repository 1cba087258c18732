"""Metrics made of lines: counters and histograms as deltas, gauges as they stand.

Deltas are added up where they are stored, so that a counter goes on after a restart
and whichever worker has counted. A line that a sample has kept counts for all that it
stands for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.labels import METRIC_NAME, Labels, make_labels
from monitoring.telemetry import FIELD_PREFIX, MetricMetadata, MetricType, SampleBatch
from sources.formats.spans import Ints
from sources.processing.conditions import column_of, holds, valid
from sources.processing.labelling import Admit, admitted
from sources.processing.rules import Metric
from sources.processing.sampling import SAMPLE_RATE

Floats = npt.NDArray[np.float64]
Series = tuple[Labels, int, float]  # labels, milliseconds since the epoch, value

NUMBER = r"^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$"
# "12ms", "1.5 s": a number that brings its own unit.
_WITH_UNIT = (
    r"^\s*(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"\s*(?P<unit>ns|us|µs|ms|s|m|h)\s*$"
)
SECONDS: Mapping[str, float] = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0,
}  # fmt: skip
_TYPES = {
    "counter": MetricType.COUNTER,
    "gauge": MetricType.GAUGE,
    "histogram": MetricType.HISTOGRAM,
}


@dataclass(frozen=True, slots=True)
class Derived:
    """Samples made of lines; `errors` are lines whose field is no number."""

    deltas: SampleBatch | None
    gauges: SampleBatch | None
    errors: int

    @property
    def count(self) -> int:
        return sum(b.count for b in (self.deltas, self.gauges) if b is not None)

    @property
    def batches(self) -> list[SampleBatch]:
        return [batch for batch in (self.deltas, self.gauges) if batch is not None]


@dataclass(frozen=True, slots=True)
class _Rows:
    """The lines that a metric is made of, with the label set of each.

    `group` is the place of a line's label set in `labels`; `weight` is how many lines
    it stands for.
    """

    group: npt.NDArray[np.int64]
    labels: Sequence[Mapping[str, str]]
    values: Floats
    weight: Floats
    ts_ms: npt.NDArray[np.int64]


def derive(
    metrics: Sequence[Metric],
    table: pa.Table,
    labels: Mapping[str, str],
    now_ms: int,
    admit: Admit,
) -> Derived:
    """Return what the metrics' rules make of the lines.

    Series have `labels` beside their own. Deltas are of `now_ms`; a gauge is the value
    of the latest line, at its time.
    """
    deltas: list[Series] = []
    gauges: list[Series] = []
    errors = 0
    for metric in metrics:
        rows, wrong = _rows(metric, table, admit)
        errors += wrong
        if len(rows.group):
            into = gauges if metric.type == "gauge" else deltas
            into += _MADE[metric.type](metric, rows, labels, now_ms)
    named = {m.name: MetricMetadata(_TYPES[m.type], "", m.help) for m in metrics}
    return Derived(
        _batch(deltas, named, is_delta=True),
        _batch(gauges, named, is_delta=False),
        errors,
    )


def _rows(metric: Metric, table: pa.Table, admit: Admit) -> tuple[_Rows, int]:
    wanted = holds(metric.when, table)
    if metric.field:
        wanted &= valid(column_of(table, metric.field))
    some = table if wanted.all() else table.filter(pa.array(wanted))
    values, wrong = _values(metric, some)
    if wrong:
        good = ~np.isnan(values)
        some, values = some.filter(pa.array(good)), values[good]
    group, labels = _groups(metric, some, admit)
    weight = _weights(some)
    ts_ms = some.column("ts_ns").to_numpy() // 10**6
    return _Rows(group, labels, values, weight, ts_ms), wrong


def _values(metric: Metric, table: pa.Table) -> tuple[Floats, int]:
    """Return the field's numbers, NaN where it has none that can be used."""
    if not metric.field:
        return np.ones(table.num_rows), 0
    column = column_of(table, metric.field)
    values = numbers(column, metric.scale)
    bad = ~np.isfinite(values)
    if metric.type == "counter":
        bad |= values < 0  # what is counted never becomes less
    values[bad] = np.nan
    return values, int(bad.sum())


def numbers(column: Any, scale: float) -> Floats:
    """Return texts as numbers; one with a unit of time is in seconds whatever `scale`."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    plain = pc.match_substring_regex(column, NUMBER)
    trimmed = pc.utf8_trim_whitespace(pc.if_else(plain, column, None))
    trimmed = pc.replace_substring_regex(trimmed, r"^\+", "")
    values = pc.cast(trimmed, pa.float64()).fill_null(np.nan)
    result = np.array(values.to_numpy(zero_copy_only=False)) * scale
    rest = np.isnan(result)
    if rest.any() and len(column):
        found = pc.extract_regex(column, _WITH_UNIT)
        number, unit = (pc.struct_field(found, name) for name in ("number", "unit"))
        number = pc.cast(pc.replace_substring_regex(number, r"^\+", ""), pa.float64())
        factor = pc.index_in(unit, pa.array(list(SECONDS), unit.type))
        scales = pa.array(list(SECONDS.values())).take(factor)
        timed = pc.multiply(number, scales).fill_null(np.nan)
        result = np.where(rest, timed.to_numpy(zero_copy_only=False), result)
    return result


def _weights(table: pa.Table) -> Floats:
    name = FIELD_PREFIX + SAMPLE_RATE
    if name not in table.column_names:
        return np.ones(table.num_rows)
    weights = numbers(table.column(name), 1.0)
    return np.where(np.isfinite(weights) & (weights >= 1), weights, 1.0)


def _groups(
    metric: Metric, table: pa.Table, admit: Admit
) -> tuple[Ints, list[dict[str, str]]]:
    """Return each line's label set as its place among the different ones."""
    group = np.zeros(table.num_rows, np.int64)
    sets: list[dict[str, str]] = [{}]
    for label, field in metric.labels.items():
        slot = f"metric:{metric.name}:{label}"
        column = _label_column(table, field)
        places, values = admitted(column, slot, metric.most, admit)
        pairs, group = np.unique(group * len(values) + places, return_inverse=True)
        sets = [
            {**sets[pair // len(values)], label: values[pair % len(values)]}
            for pair in pairs.tolist()
        ]
    return group, sets


def _label_column(table: pa.Table, field: str) -> Any:
    """Return a field's column; `level` is the line's level where no field is called so."""
    if field == "level" and FIELD_PREFIX + field not in table.column_names:
        levels = pc.cast(table.column("level"), pa.int32())
        return pa.array(_WORDS, pa.large_string()).take(levels)
    return column_of(table, field)


_WORDS = ["unknown", "trace", "debug", "info", "warn", "error", "fatal"]


# --- The three types -------------------------------------------------------------------


def _counter(
    metric: Metric, rows: _Rows, labels: Mapping[str, str], now_ms: int
) -> list[Series]:
    sums = np.bincount(rows.group, rows.values * rows.weight, len(rows.labels))
    return [
        (_labels(metric.name, labels, own), now_ms, float(total))
        for own, total in zip(rows.labels, sums, strict=True)
    ]


def _gauge(
    metric: Metric, rows: _Rows, labels: Mapping[str, str], now_ms: int
) -> list[Series]:
    order = np.lexsort((rows.ts_ms, rows.group))
    last = order[np.append(np.diff(rows.group[order]) != 0, True)]
    return [
        (
            _labels(metric.name, labels, rows.labels[rows.group[row]]),
            int(rows.ts_ms[row]),
            float(rows.values[row]),
        )
        for row in last.tolist()
    ]


def _histogram(
    metric: Metric, rows: _Rows, labels: Mapping[str, str], now_ms: int
) -> list[Series]:
    """Return Prometheus's classic histogram: buckets are cumulative by `le`."""
    bounds = np.array(metric.buckets)
    width = len(bounds) + 1
    bucket = np.searchsorted(bounds, rows.values, side="left")
    cells = len(rows.labels) * width
    counts = np.bincount(rows.group * width + bucket, rows.weight, cells)
    below = counts.reshape(-1, width).cumsum(axis=1)
    sums = np.bincount(rows.group, rows.values * rows.weight, len(rows.labels))
    texts = [*(f"{bound:.15g}" for bound in metric.buckets), "+Inf"]
    made: list[Series] = []
    for place, own in enumerate(rows.labels):
        for text, count in zip(texts, below[place].tolist(), strict=True):
            bucketed = {**own, "le": text}
            name = f"{metric.name}_bucket"
            made.append((_labels(name, labels, bucketed), now_ms, count))
        total, many = float(sums[place]), float(below[place][-1])
        made.append((_labels(f"{metric.name}_sum", labels, own), now_ms, total))
        made.append((_labels(f"{metric.name}_count", labels, own), now_ms, many))
    return made


_MADE = {"counter": _counter, "gauge": _gauge, "histogram": _histogram}


def _labels(name: str, common: Mapping[str, str], own: Mapping[str, str]) -> Labels:
    return make_labels({**own, **common, METRIC_NAME: name})


def _batch(
    made: Sequence[Series], named: Mapping[str, MetricMetadata], *, is_delta: bool
) -> SampleBatch | None:
    """Return the samples; of two rules that make one series the values are added."""
    if not made:
        return None
    places: dict[Labels, int] = {}
    index = np.array([places.setdefault(s, len(places)) for s, _, _ in made], np.int32)
    times = np.array([ts_ms for _, ts_ms, _ in made], np.int64)
    values = np.array([value for _, _, value in made], np.float64)
    if is_delta:
        values = np.bincount(index, values, len(places)).astype(np.float64)
        times = np.full(len(places), times[0], np.int64)
        index = np.arange(len(places), dtype=np.int32)
    wanted = MetricType.GAUGE
    metadata = {n: m for n, m in named.items() if (m.type is wanted) is not is_delta}
    return SampleBatch(tuple(places), index, times, values, metadata, is_delta=is_delta)
