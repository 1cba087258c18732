"""OTLP's metrics to samples, named and labelled as Prometheus does it.

Deltas become a batch of their own: what they add up to is known where they are stored.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from monitoring.labels import METRIC_NAME, Labels, make_labels
from monitoring.telemetry import (
    STALE_NAN_BITS,
    Exemplars,
    MetricMetadata,
    MetricType,
    SampleBatch,
)
from sources.protocols import Terms, otlp, shown
from sources.protocols.otlp_histograms import (
    Counts,
    InvalidHistogramError,
    bound_text,
    explicit,
    exponential,
    exponential_delta,
)
from sources.protocols.otlp_names import metric_name, unit_word
from sources.protocols.series_labels import InvalidSeriesError, series_labels
from sources.protocols.series_rows import (
    OUT_OF_BOUNDS,
    SAMPLE_BYTES,
    TOO_FAR_AHEAD,
    Problems,
)

DELTA, CUMULATIVE = 1, 2
_NO_RECORDED_VALUE = 1
_STALE: float = struct.unpack("<d", struct.pack("<Q", STALE_NAN_BITS))[0]
_LONGEST_EXEMPLAR = 128

_TYPES = {
    "gauge": MetricType.GAUGE,
    "histogram": MetricType.HISTOGRAM,
    "exponential_histogram": MetricType.HISTOGRAM,
    "summary": MetricType.SUMMARY,
}


class InvalidPointError(ValueError):
    """The text says what is wrong with a data point, or with all of a metric's."""


@dataclass(frozen=True, slots=True)
class Converted:
    """Batches of cumulative samples and of deltas; and what is wrong with the rest."""

    batches: tuple[SampleBatch, ...]
    problems: Problems

    @property
    def size(self) -> int:
        return sum(batch.count for batch in self.batches) * SAMPLE_BYTES


def decode(body: bytes, encoding: str, terms: Terms) -> Converted:
    """Raises MalformedBodyError."""
    request = otlp.parse(body, encoding, ExportMetricsServiceRequest)
    converter = _Converter(terms)
    for resource_metrics in request.resource_metrics:
        converter.convert(resource_metrics)
    return converter.converted()


def response(converted: Converted) -> ExportMetricsServiceResponse:
    """Full success says nothing; rejected points are counted, with a reason."""
    answer = ExportMetricsServiceResponse()
    if converted.problems.count:
        answer.partial_success.rejected_data_points = converted.problems.count
        answer.partial_success.error_message = converted.problems.text
    return answer


@dataclass(slots=True)
class _Columns:
    """Samples as they are gathered; a label set is one series of the batch."""

    series: dict[Labels, int] = field(default_factory=dict)
    index: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    examples: list[tuple[int, int, float, Labels]] = field(default_factory=list)

    def add(self, labels: Labels, ts_ms: int, value: float) -> int:
        place = self.series.setdefault(labels, len(self.series))
        self.index.append(place)
        self.times.append(ts_ms)
        self.values.append(value)
        return place

    def batch(
        self, metadata: Mapping[str, MetricMetadata], *, is_delta: bool
    ) -> SampleBatch:
        return SampleBatch(
            tuple(self.series),
            np.array(self.index, np.int32),
            np.array(self.times, np.int64),
            np.array(self.values, np.float64),
            metadata,
            Exemplars.of_rows(self.examples),
            is_delta,
        )


class _Converter:
    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._problems = Problems()
        self._columns = {False: _Columns(), True: _Columns()}
        self._metadata: dict[str, MetricMetadata] = {}

    def converted(self) -> Converted:
        batches = (
            self._columns[False].batch(self._metadata, is_delta=False),
            self._columns[True].batch({}, is_delta=True),
        )
        kept = tuple(batch for batch in batches if not batch.is_empty)
        return Converted(kept, self._problems)

    def convert(self, resource_metrics: Any) -> None:
        attributes = resource_metrics.resource.attributes
        texts = {pair.key: otlp.text_of(pair.value) for pair in attributes}
        identity = otlp.identity(texts)
        latest = 0
        for scope_metrics in resource_metrics.scope_metrics:
            common = {**_scope_labels(scope_metrics.scope), **identity}
            for metric in scope_metrics.metrics:
                latest = max(latest, self._convert_metric(metric, common))
        if identity and latest:
            self._add_target_info(texts, identity, latest)

    def _convert_metric(self, metric: Any, common: Mapping[str, str]) -> int:
        """Return the latest time of the points that were taken, in milliseconds."""
        kind = metric.WhichOneof("data")
        points = getattr(metric, kind).data_points if kind else ()
        try:
            name, is_delta = _named(metric, kind)
        except InvalidPointError as error:
            self._problems.add(str(error), samples=len(points))
            self._problems.count += max(0, len(points) - 1)
            return 0
        self._describe(metric, kind, name)
        latest = 0
        for point in points:
            try:
                ts_ms = self._time(point)
                self._convert_point(
                    kind, name, point, ts_ms=ts_ms, common=common, is_delta=is_delta
                )
            except (
                InvalidPointError,
                InvalidSeriesError,
                InvalidHistogramError,
            ) as error:
                self._problems.add(f"metric {shown(metric.name)}: {error}")
                continue
            latest = max(latest, ts_ms)
        return latest

    def _convert_point(
        self,
        kind: str,
        name: str,
        point: Any,
        *,
        ts_ms: int,
        common: Mapping[str, str],
        is_delta: bool,
    ) -> None:
        """Add all the samples of one point, or none."""
        labels = {**otlp.attributes_to_labels(point.attributes), **common}
        rows = list(_samples(kind, name, point, is_delta=is_delta))
        sets = [
            series_labels(
                [*(labels | extra).items(), (METRIC_NAME, full)], self._terms.labels
            )
            for full, extra, _ in rows
        ]
        is_stale = bool(point.flags & _NO_RECORDED_VALUE)
        # A marker ends a series, whatever its values mean: it is not added to anything.
        columns = self._columns[is_delta and not is_stale]
        places = [
            columns.add(found, ts_ms, _STALE if is_stale else value)
            for found, (_, _, value) in zip(sets, rows, strict=True)
        ]
        if kind != "summary":
            bounds = [float(extra.get("le", "inf")) for _, extra, _ in rows]
            self._add_exemplars(columns, point.exemplars, places, bounds)

    def _add_exemplars(
        self,
        columns: _Columns,
        exemplars: Iterable[Any],
        places: Sequence[int],
        bounds: Sequence[float],
    ) -> None:
        """An exemplar belongs to the smallest bucket that counts it."""
        for example in exemplars:
            value = _number(example)
            ts_ms = (example.time_unix_nano or self._terms.now_ns) // 10**6
            labels = _exemplar_labels(example)
            place = next(
                (p for p, b in zip(places, bounds, strict=True) if value <= b),
                places[-1],
            )
            if sum(len(n) + len(v) for n, v in labels) <= _LONGEST_EXEMPLAR:
                columns.examples.append((place, ts_ms, value, labels))

    def _time(self, point: Any) -> int:
        """Raises InvalidPointError."""
        ts_ns = point.time_unix_nano or self._terms.now_ns
        if ts_ns < self._terms.earliest_ns:
            raise InvalidPointError(OUT_OF_BOUNDS)
        if ts_ns > self._terms.latest_ns:
            raise InvalidPointError(TOO_FAR_AHEAD)
        return int(ts_ns) // 10**6

    def _describe(self, metric: Any, kind: str, name: str) -> None:
        said = _TYPES.get(kind, MetricType.GAUGE)
        if kind == "sum" and metric.sum.is_monotonic:
            said = MetricType.COUNTER
        unit = unit_word(metric.unit)
        self._metadata[name] = MetricMetadata(said, unit, metric.description[:1000])

    def _add_target_info(
        self, texts: Mapping[str, str], identity: Mapping[str, str], ts_ms: int
    ) -> None:
        """What else is known of a resource stands on a series of its own."""
        named = {"service.name", "service.namespace", "service.instance.id"}
        others = sorted((k, v) for k, v in texts.items() if k and k not in named)
        if not others:
            return
        given = {**otlp.joined_labels(others), **identity, METRIC_NAME: "target_info"}
        try:
            labels = series_labels(given.items(), self._terms.labels)
        except InvalidSeriesError as error:
            self._problems.add(f"target_info: {error}", samples=0)
            self._problems.count -= 1  # It is a warning: no point of the sender's.
            return
        self._columns[False].add(labels, ts_ms, 1.0)


def _named(metric: Any, kind: str | None) -> tuple[str, bool]:
    """Return the name in Prometheus, and whether the points are deltas.

    Raises InvalidPointError.
    """
    if kind is None:
        raise InvalidPointError(f"metric {shown(metric.name)} has no data")
    data = getattr(metric, kind)
    temporality = getattr(data, "aggregation_temporality", CUMULATIVE)
    if temporality not in {DELTA, CUMULATIVE}:
        raise InvalidPointError(
            f"invalid temporality and type combination for metric {shown(metric.name)}"
        )
    is_counter = kind == "sum" and data.is_monotonic
    is_gauge = kind == "gauge"
    name = metric_name(
        metric.name, metric.unit, is_counter=is_counter, is_gauge=is_gauge
    )
    if not name:
        raise InvalidPointError(f"metric {shown(metric.name)} has no name")
    return name, temporality == DELTA


def _samples(
    kind: str, name: str, point: Any, *, is_delta: bool
) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield name, labels of its own and value of each sample of a point.

    Buckets come first and ascend. Raises InvalidHistogramError.
    """
    if kind in {"gauge", "sum"}:
        yield name, {}, _number(point)
        return
    if kind == "summary":
        for one in point.quantile_values:
            yield name, {"quantile": bound_text(one.quantile)}, one.value
        yield f"{name}_sum", {}, point.sum
    else:
        read = explicit
        if kind == "exponential_histogram":
            read = exponential_delta if is_delta else exponential
        yield from _buckets(name, *read(point), point.count)
        if point.HasField("sum"):
            yield f"{name}_sum", {}, point.sum
    yield f"{name}_count", {}, float(point.count)


def _buckets(
    name: str, bounds: Sequence[float], counts: Counts, count: int
) -> Iterator[tuple[str, dict[str, str], float]]:
    for bound, below in zip(bounds, counts.tolist(), strict=True):
        if bound != np.inf:
            yield f"{name}_bucket", {"le": bound_text(bound)}, below
    yield f"{name}_bucket", {"le": "+Inf"}, float(count)


def _number(point: Any) -> float:
    kind = point.WhichOneof("value")
    return float(getattr(point, kind)) if kind else 0.0


def _scope_labels(scope: Any) -> dict[str, str]:
    labels = {"otel_scope_name": scope.name, "otel_scope_version": scope.version}
    return {name: value for name, value in labels.items() if value}


def _exemplar_labels(example: Any) -> Labels:
    labels = otlp.attributes_to_labels(example.filtered_attributes)
    labels |= {"trace_id": example.trace_id.hex(), "span_id": example.span_id.hex()}
    return make_labels(labels)
