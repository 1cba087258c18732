"""What statsd's events add up to, from one flush to the next.

Counters and histograms leave as what they grew by, and are added up in the store: so
they go on where they were when the collector starts anew, and two collectors may count
the same one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from monitoring.labels import METRIC_NAME, make_labels, pack_labels
from monitoring.telemetry import (
    STALE_NAN_BITS,
    MetricMetadata,
    MetricType,
    PackedSeries,
    SampleBatch,
)
from sources.protocols.statsd import Events, Key, metric_name, tags_of

MAX_SERIES = 20_000
# How many values of sets and summaries are kept for one flush.
MAX_VALUES = 1_000_000
QUANTILES = (0.5, 0.9, 0.95, 0.99)
# A series that nobody has sent for so long is no longer brought in.
FORGOTTEN_AFTER_MS = 5 * 60 * 1000
_STALE = np.array([STALE_NAN_BITS], np.uint64).view(np.float64)[0]
_MILLISECONDS = 1000.0

Floats = npt.NDArray[np.float64]
Rows = list[tuple[bytes, float]]


@dataclass(frozen=True, slots=True)
class Shape:
    """How what is measured is brought in."""

    labels: Mapping[str, str]
    is_summary: bool
    seconds: Sequence[float]  # buckets of timers
    numbers: Sequence[float]  # buckets of histograms


@dataclass(slots=True)
class _Series:
    key: Key
    name: str
    labels: dict[str, str]
    seen_ms: int
    value: float = 0.0  # of a counter: since the last flush; of a gauge: now
    count: float = 0.0
    buckets: Floats | None = None
    observed: list[Floats] = field(default_factory=list)
    weights: list[Floats] = field(default_factory=list)
    members: set[str] = field(default_factory=set)

    def packed(self, suffix: str = "", **more: str) -> bytes:
        labels = {**self.labels, **more, METRIC_NAME: self.name + suffix}
        return pack_labels(make_labels(labels))


class Aggregation:
    """Adds up what one source is sent. Times are milliseconds since the epoch."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._series: dict[Key, _Series] = {}
        self._kept = 0
        self.refused = 0

    def add(self, events: Events, now_ms: int) -> None:
        """Take events; those of further series than MAX_SERIES are counted alone."""
        order = np.argsort(events.key_index, kind="stable")
        index = events.key_index[order]
        starts = np.flatnonzero(np.diff(index, prepend=-1))
        ends = np.append(starts[1:], len(index))
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            series = self._get(events.keys[index[start]], now_ms)
            if series is None:
                self.refused += end - start
            else:
                self._take(series, events, order[start:end])

    def flush(self, now_ms: int) -> tuple[SampleBatch, SampleBatch]:
        """Return values as they are, and what others have grown by; begin anew."""
        plain: Rows = []
        grown: Rows = []
        for key, series in list(self._series.items()):
            if now_ms - series.seen_ms >= FORGOTTEN_AFTER_MS:
                del self._series[key]
                plain += [(packed, _STALE) for packed, _ in self._plain(series)]
            else:
                plain += self._plain(series)
                grown += self._grown(series)
            _reset(series)
        self._kept = 0
        metadata = self._metadata()
        return (
            _batch(plain, now_ms, metadata, is_delta=False),
            _batch(grown, now_ms, metadata, is_delta=True),
        )

    def _get(self, key: Key, now_ms: int) -> _Series | None:
        series = self._series.get(key)
        if series is None:
            if len(self._series) >= MAX_SERIES:
                return None
            labels = {**tags_of(key), **self._shape.labels}
            series = _Series(key, metric_name(key), labels, now_ms)
            self._series[key] = series
        series.seen_ms = now_ms
        return series

    def _take(
        self, series: _Series, events: Events, rows: npt.NDArray[np.int64]
    ) -> None:
        values, weights = events.values[rows], events.weights[rows]
        if series.key.type == "c":
            series.value += float(values @ weights)
        elif series.key.type == "g":
            series.value = _gauge(series.value, values, events.signed[rows])
        elif series.key.type == "s":
            room = max(0, MAX_VALUES - self._kept)
            before = len(series.members)
            series.members.update(events.texts.take(rows[:room]).to_pylist())
            self._kept += len(series.members) - before
        else:
            self._observe(series, values, weights)

    def _observe(self, series: _Series, values: Floats, weights: Floats) -> None:
        is_timer = series.key.type == "ms"
        values = values / _MILLISECONDS if is_timer else values
        series.value += float(values @ weights)
        series.count += float(weights.sum())
        if self._shape.is_summary:
            room = max(0, MAX_VALUES - self._kept)
            series.observed.append(values[:room])
            series.weights.append(weights[:room])
            self._kept += min(room, len(values))
            return
        bounds = self._bounds(series)
        places = np.searchsorted(bounds, values)
        if series.buckets is None:
            series.buckets = np.zeros(len(bounds) + 1)
        np.add.at(series.buckets, places, weights)

    def _bounds(self, series: _Series) -> Floats:
        chosen = self._shape.seconds if series.key.type == "ms" else self._shape.numbers
        return np.array(chosen, np.float64)

    def _plain(self, series: _Series) -> Rows:
        if series.key.type == "g":
            return [(series.packed(), series.value)]
        if series.key.type == "s":
            return [(series.packed(), float(len(series.members)))]
        if series.key.type in {"ms", "h"} and self._shape.is_summary:
            found = _quantiles(series)
            return [
                (series.packed(quantile=f"{q:g}"), value)
                for q, value in zip(QUANTILES, found, strict=True)
            ]
        return []

    def _grown(self, series: _Series) -> Rows:
        if series.key.type == "c":
            return [(series.packed(), series.value)]
        if series.key.type not in {"ms", "h"}:
            return []
        rows = [
            (series.packed("_sum"), series.value),
            (series.packed("_count"), series.count),
        ]
        return rows if self._shape.is_summary else rows + self._buckets(series)

    def _buckets(self, series: _Series) -> Rows:
        bounds = self._bounds(series)
        held = series.buckets
        counts = np.zeros(len(bounds) + 1) if held is None else np.cumsum(held)
        names = [*(_bound(float(bound)) for bound in bounds), "+Inf"]
        return [
            (series.packed("_bucket", le=name), count)
            for name, count in zip(names, counts.tolist(), strict=True)
        ]

    def _metadata(self) -> dict[str, MetricMetadata]:
        measured = (
            MetricType.SUMMARY if self._shape.is_summary else MetricType.HISTOGRAM
        )
        types = {"c": MetricType.COUNTER, "g": MetricType.GAUGE, "s": MetricType.GAUGE}
        return {
            series.name: MetricMetadata(types.get(series.key.type, measured))
            for series in self._series.values()
        }


def _gauge(before: float, values: Floats, signed: npt.NDArray[np.bool_]) -> float:
    """A value with a sign changes the gauge, another one sets it."""
    absolute = np.flatnonzero(~signed)
    if not len(absolute):
        return before + float(values.sum())
    last = absolute[-1]
    return float(values[last:].sum())


def _quantiles(series: _Series) -> list[float]:
    """Return quantiles of what was measured since the last flush; NaN of nothing."""
    values = np.concatenate(series.observed) if series.observed else np.empty(0)
    if not len(values):
        return [float("nan")] * len(QUANTILES)
    weights = np.concatenate(series.weights)
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) / weights.sum()
    places = np.minimum(np.searchsorted(reached, QUANTILES), len(values) - 1)
    found: list[float] = values[order][places].tolist()
    return found


def _bound(bound: float) -> str:
    """Prometheus writes whole bounds with their zero, as in le="1.0"."""
    return repr(bound)


def _reset(series: _Series) -> None:
    if series.key.type != "g":
        series.value = 0.0
    series.count, series.buckets = 0.0, None
    series.observed, series.weights, series.members = [], [], set()


def _batch(
    rows: Rows, ts_ms: int, metadata: Mapping[str, MetricMetadata], *, is_delta: bool
) -> SampleBatch:
    """Series that are the same once their names are Prometheus's become one."""
    index: dict[bytes, int] = {}
    places = [index.setdefault(packed, len(index)) for packed, _ in rows]
    values = np.array([value for _, value in rows], np.float64)
    series = np.array(places, np.int32)
    if len(index) < len(rows):
        series, values = _merged(series, values, add=is_delta)
    return SampleBatch(
        PackedSeries(list(index)),
        series,
        np.full(len(values), ts_ms, np.int64),
        values,
        metadata,
        is_delta=is_delta,
    )


def _merged(
    series: npt.NDArray[np.int32], values: Floats, *, add: bool
) -> tuple[npt.NDArray[np.int32], Floats]:
    """Growth is added up; of values the last one stays."""
    count = int(series.max()) + 1
    found = np.zeros(count)
    if add:
        np.add.at(found, series, values)
    else:
        found[series] = values
    return np.arange(count, dtype=np.int32), found
