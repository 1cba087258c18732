"""`POST /api/v1/metrics`: JSON to a SampleBatch.

{"metrics": [{"name", "value", "timestamp"?, "labels"?, "type"?, "unit"?}, …]}; a bare
array and a single metric are read too, and null is as good as absent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from monitoring.labels import METRIC_NAME, Labels, make_labels
from monitoring.telemetry import MetricMetadata, MetricType, SampleBatch
from sources.protocols import Decoded, MalformedBodyError, Rejection, Terms, shown
from sources.protocols.label_sets import InvalidLabelsError, check_labels
from sources.protocols.timestamps import values_to_ns

KEYS = ("name", "value", "timestamp", "labels", "type", "unit")
MAX_NAME_BYTES = 255
MAX_UNIT = 50
_SPECIAL = {
    "NaN": math.nan,
    "+Inf": math.inf,
    "Inf": math.inf,
    "-Inf": -math.inf,
}
_TYPES = {kind.value for kind in MetricType}
# What a sample weighs in the byte counts: a time and a value.
_SAMPLE_BYTES = 16

Metric = Mapping[str, Any]


class InvalidMetricError(ValueError):
    """The text says what is wrong with one metric."""


def decode(body: bytes, terms: Terms) -> Decoded[SampleBatch]:
    """Raises MalformedBodyError when the body holds no metric at all."""
    taken: list[Metric] = []
    indexes: list[int] = []
    rejected: list[Rejection] = []
    for index, metric in enumerate(_metrics(body)):
        try:
            _check(metric)
        except (InvalidMetricError, InvalidLabelsError) as error:
            rejected.append(Rejection(index, str(error)))
        else:
            taken.append(metric)
            indexes.append(index)
    taken, times = _with_times(taken, indexes, terms, rejected)
    rejected.sort(key=lambda rejection: rejection.index)
    return Decoded(_batch(taken, times, terms), rejected, len(taken) * _SAMPLE_BYTES)


def _metrics(body: bytes) -> Sequence[Any]:
    if not body.strip():
        raise MalformedBodyError('The body is empty: send {"metrics": […]}.')
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedBodyError(f"The body is not JSON: {error}.") from None
    if isinstance(document, dict) and "metrics" in document:
        unknown = sorted(document.keys() - {"metrics"})
        if unknown:
            raise MalformedBodyError(f"Unknown key {shown(unknown[0])} beside metrics.")
        document = document["metrics"]
    elif isinstance(document, dict):
        document = [document]
    if not isinstance(document, list) or not document:
        raise MalformedBodyError('Send {"metrics": […]} with at least one metric.')
    return document


def _check(metric: Any) -> None:
    """Raises InvalidMetricError, InvalidLabelsError; times are checked in bulk."""
    if type(metric) is not dict:
        raise InvalidMetricError('is not an object, as {"name": "up", "value": 1}')
    unknown = [key for key in metric if key not in KEYS]
    if unknown:
        raise InvalidMetricError(
            f"unknown key {shown(unknown[0])}: there are {', '.join(KEYS)}"
        )
    _check_name(metric.get("name"))
    _check_value(metric.get("value"))
    if metric.get("labels") is not None:
        check_labels(metric["labels"])
    if metric.get("type") is not None or metric.get("unit") is not None:
        _check_metadata(metric)


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not name:
        raise InvalidMetricError("name must be a string with at least one character")
    if len(name) * 4 > MAX_NAME_BYTES and len(name.encode()) > MAX_NAME_BYTES:
        raise InvalidMetricError(f"name is longer than {MAX_NAME_BYTES} bytes")
    if "\x00" in name:
        raise InvalidMetricError("name contains a NUL character")


def _check_value(value: Any) -> None:
    if type(value) in {int, float} or (type(value) is str and value in _SPECIAL):
        return
    if value is None:
        raise InvalidMetricError("value is missing")
    raise InvalidMetricError(
        f'value {shown(value)} must be a number, or "NaN", "+Inf" or "-Inf"'
    )


def _check_metadata(metric: Metric) -> None:
    kind, unit = metric.get("type"), metric.get("unit")
    if kind is not None and (type(kind) is not str or kind not in _TYPES):
        raise InvalidMetricError(
            f"type {shown(kind)} is not one of {', '.join(sorted(_TYPES))}"
        )
    if unit is not None and (type(unit) is not str or len(unit) > MAX_UNIT):
        raise InvalidMetricError(
            f"unit must be a string of at most {MAX_UNIT} characters"
        )
    if unit and "\x00" in unit:
        raise InvalidMetricError("unit contains a NUL character")


def _with_times(
    taken: Sequence[Metric],
    indexes: Sequence[int],
    terms: Terms,
    rejected: list[Rejection],
) -> tuple[list[Metric], list[int]]:
    """Keep the metrics whose time is good; one without has the time of its arrival."""
    found = values_to_ns([m.get("timestamp") for m in taken], terms)
    kept: list[Metric] = []
    times: list[int] = []
    for metric, index, time in zip(taken, indexes, found, strict=True):
        if isinstance(time, str):
            rejected.append(Rejection(index, time))
        else:
            kept.append(metric)
            times.append((terms.now_ns if time is None else time) // 10**6)
    return kept, times


def _batch(
    metrics: Sequence[Metric], times: Sequence[int], terms: Terms
) -> SampleBatch:
    indexes: dict[Labels, int] = {}
    seen: dict[tuple[Any, ...], int] = {}
    series = np.empty(len(metrics), np.int32)
    for row, metric in enumerate(metrics):
        labels = metric.get("labels") or {}
        key = (metric["name"], *labels.items())
        index = seen.get(key)
        if index is None:
            index = indexes.setdefault(_series(metric, terms), len(indexes))
            seen[key] = index
        series[row] = index
    return SampleBatch(
        series=tuple(indexes),
        series_index=series,
        ts_ms=np.array(times, np.int64),
        values=np.array([_number(metric["value"]) for metric in metrics], np.float64),
        metadata=_metadata(metrics),
    )


def _series(metric: Metric, terms: Terms) -> Labels:
    given = metric.get("labels") or {}
    labels = {name: value for name, value in given.items() if value}
    return make_labels({**labels, **terms.labels, METRIC_NAME: metric["name"]})


def _number(value: Any) -> float:
    return _SPECIAL[value] if isinstance(value, str) else float(value)


def _metadata(metrics: Sequence[Metric]) -> dict[str, MetricMetadata]:
    """The last metric that says something of its type or unit is believed."""
    return {
        metric["name"]: MetricMetadata(
            MetricType(metric.get("type") or MetricType.UNKNOWN),
            metric.get("unit") or "",
        )
        for metric in metrics
        if metric.get("type") or metric.get("unit")
    }
