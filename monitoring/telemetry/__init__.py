"""The two batches that all telemetry becomes, and what a store must be able to do.

Every protocol decodes into a `LogBatch` or a `SampleBatch`; the pipeline, the
inbox, the store and the query engines know nothing else. Both are columnar and
travel through the inbox as Arrow IPC; samples whose series are known to be registered
do so as `RefSamples`.
"""

from __future__ import annotations

from monitoring.telemetry.encoding import CorruptBatchError
from monitoring.telemetry.lines import (
    FIELD_PREFIX,
    LEVEL_WORDS,
    LOG_COLUMNS,
    Level,
    LogBatch,
    nanoseconds,
)
from monitoring.telemetry.reading import (
    LineCounts,
    LineFilter,
    LineOp,
    LogChunk,
    LogQuerier,
    Querier,
    SeriesData,
    TooMuchDataError,
)
from monitoring.telemetry.ref_samples import RefSamples, decode_samples, make_ref
from monitoring.telemetry.samples import (
    NO_EXEMPLARS,
    STALE_NAN_BITS,
    Exemplars,
    MetricMetadata,
    MetricType,
    PackedSeries,
    SampleBatch,
    as_packed,
    distinct,
    packed_series,
)

__all__ = [
    "FIELD_PREFIX",
    "LEVEL_WORDS",
    "LOG_COLUMNS",
    "NO_EXEMPLARS",
    "STALE_NAN_BITS",
    "CorruptBatchError",
    "Exemplars",
    "Level",
    "LineCounts",
    "LineFilter",
    "LineOp",
    "LogBatch",
    "LogChunk",
    "LogQuerier",
    "MetricMetadata",
    "MetricType",
    "PackedSeries",
    "Querier",
    "RefSamples",
    "SampleBatch",
    "SeriesData",
    "TooMuchDataError",
    "as_packed",
    "decode_samples",
    "distinct",
    "make_ref",
    "nanoseconds",
    "packed_series",
]
