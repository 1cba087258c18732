"""Batches of samples, as connectors that ask targets put them together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from monitoring.telemetry import (
    STALE_NAN_BITS,
    Exemplars,
    MetricMetadata,
    PackedSeries,
    SampleBatch,
    packed_series,
)

N = TypeVar("N", np.int32, np.int64, np.float64)

STALE = np.array([STALE_NAN_BITS], np.uint64).view(np.float64)[0]


def stale(series: Sequence[bytes], ts_ms: int) -> SampleBatch:
    return of_one_time(series, np.full(len(series), STALE), ts_ms, {})


def of_one_time(
    series: Sequence[bytes],
    values: npt.NDArray[np.float64],
    ts_ms: int,
    metadata: Mapping[str, MetricMetadata],
) -> SampleBatch:
    count = len(series)
    return SampleBatch(
        PackedSeries(list(series)),
        np.arange(count, dtype=np.int32),
        np.full(count, ts_ms, np.int64),
        values,
        metadata,
    )


def join(batches: Iterable[SampleBatch]) -> SampleBatch:
    """Return one batch of all, in their order."""
    given = [batch for batch in batches if batch.count]
    if len(given) == 1:
        return given[0]
    packed = [packed_series(batch.series) for batch in given]
    starts = np.cumsum([0, *map(len, packed)], dtype=np.int32)[: len(given)]
    metadata: dict[str, MetricMetadata] = {}
    for batch in given:
        metadata.update(batch.metadata)
    pairs = list(zip(given, starts, strict=True))
    examples = [
        (batch.exemplars.series_index + start, batch.exemplars)
        for batch, start in pairs
        if len(batch.exemplars)
    ]
    return SampleBatch(
        PackedSeries([one for series in packed for one in series]),
        _concatenated([b.series_index + start for b, start in pairs], np.int32),
        _concatenated([b.ts_ms for b in given], np.int64),
        _concatenated([b.values for b in given], np.float64),
        metadata,
        Exemplars.joined(examples),
    )


def _concatenated(arrays: Sequence[npt.NDArray[N]], dtype: type[N]) -> npt.NDArray[N]:
    return np.concatenate(arrays).astype(dtype) if arrays else np.empty(0, dtype)
