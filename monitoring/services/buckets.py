"""Samples summed up in buckets of time, for charts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitoring.labels import METRIC_NAME, Labels
from monitoring.telemetry import SeriesData


@dataclass(frozen=True, slots=True)
class SeriesHistory:
    """One series in buckets; bucket i covers [start + i*step, start + (i+1)*step).

    A bucket without a number has None in the four lists and 0 in `count`.
    """

    labels: dict[str, str]
    avg: list[float | None]
    min: list[float | None]
    max: list[float | None]
    last: list[float | None]
    count: list[int]


def summarize(
    data: SeriesData, *, start_ms: int, step_ms: int, buckets: int
) -> list[SeriesHistory]:
    """Return each series in as many buckets of `step_ms`, the first from `start_ms`."""
    return [
        _history(labels, *_samples_of(data, index, start_ms, step_ms), buckets)
        for index, labels in enumerate(data.labels)
    ]


def _samples_of(
    data: SeriesData, index: int, start_ms: int, step_ms: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the bucket and value of each sample that is a number."""
    of_series = slice(data.offsets[index], data.offsets[index + 1])
    values = data.values[of_series]
    known = ~np.isnan(values)
    return (data.ts_ms[of_series][known] - start_ms) // step_ms, values[known]


def _history(
    labels: Labels,
    bucket: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
    buckets: int,
) -> SeriesHistory:
    starts = np.flatnonzero(np.diff(bucket, prepend=-1))
    ends = np.append(starts, len(bucket))[1:]
    filled = bucket[starts]
    count = np.zeros(buckets, np.int64)
    count[filled] = ends - starts

    def spread(column: npt.NDArray[np.float64]) -> list[float | None]:
        buckets_of_it: list[float | None] = [None] * buckets
        for index, value in zip(filled.tolist(), column.tolist(), strict=True):
            buckets_of_it[index] = value
        return buckets_of_it

    def reduced(ufunc: np.ufunc) -> npt.NDArray[np.float64]:
        return ufunc.reduceat(values, starts) if len(starts) else values

    return SeriesHistory(
        labels={n: v for n, v in labels if n != METRIC_NAME},
        avg=spread(reduced(np.add) / count[filled]),
        min=spread(reduced(np.minimum)),
        max=spread(reduced(np.maximum)),
        last=spread(values[ends - 1]),
        count=count.tolist(),
    )
