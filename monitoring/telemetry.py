"""The two batches that all telemetry becomes, and what a store must be able to do.

Every protocol decodes into a `LogBatch` or a `SampleBatch`; the pipeline, the
inbox, the store and the query engines know nothing else. Both are columnar and
travel through the inbox as Arrow IPC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from monitoring.labels import Labels, Matcher, make_labels

# A structured field of a log line is the nullable string column "field.<name>".
FIELD_PREFIX = "field."

# What Prometheus writes where a series has ended: a NaN with these exact bits.
STALE_NAN_BITS = 0x7FF0000000000002


class Level(IntEnum):
    """Severity of a log line, ordered; stored as one byte."""

    UNKNOWN = 0
    TRACE = 1
    DEBUG = 2
    INFO = 3
    WARN = 4
    ERROR = 5
    FATAL = 6

    @property
    def word(self) -> str:
        return self.name.lower()

    @classmethod
    def from_word(cls, word: str) -> Level:
        """Return the level of its lower-case name. Raises ValueError."""
        try:
            return cls[word.upper()]
        except KeyError:
            known = ", ".join(LEVEL_WORDS)
            raise ValueError(f"{word!r} is not one of {known}") from None


LEVEL_WORDS = tuple(level.word for level in Level)


class MetricType(StrEnum):
    """Prometheus's metric types."""

    UNKNOWN = "unknown"
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    GAUGE_HISTOGRAM = "gaugehistogram"
    SUMMARY = "summary"
    INFO = "info"
    STATE_SET = "stateset"


def nanoseconds(moment: datetime) -> int:
    """Return nanoseconds since the epoch.

    By whole microseconds, because a float of seconds has not the digits.
    """
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000


class CorruptBatchError(ValueError):
    """The bytes are not an encoded batch."""


LOG_COLUMNS = pa.schema(
    [
        pa.field("stream", pa.int32()),  # index into `streams`
        pa.field("ts_ns", pa.int64()),  # null: the line carries no time of its own
        pa.field("line", pa.large_string()),
        pa.field("level", pa.int8()),  # null: not known yet, to be detected
    ]
)


@dataclass(frozen=True, slots=True)
class LogBatch:
    """Log lines of some streams, in arrival order.

    `table` has the columns of LOG_COLUMNS and any number of nullable large_string
    columns "field.<name>" behind them. `ts_ns` counts nanoseconds since the epoch.
    """

    streams: tuple[Labels, ...]
    table: pa.Table

    @property
    def count(self) -> int:
        return int(self.table.num_rows)

    @property
    def field_names(self) -> list[str]:
        names = self.table.column_names
        return [
            n.removeprefix(FIELD_PREFIX) for n in names if n.startswith(FIELD_PREFIX)
        ]

    def encode(self) -> bytes:
        """Return the batch as an Arrow IPC stream compressed with lz4."""
        return _encode(self.table, {"streams": self.streams})

    @classmethod
    def decode(cls, payload: bytes) -> LogBatch:
        """Raises CorruptBatchError."""
        table, header = _decode(payload)
        return cls(tuple(make_labels(map(tuple, s)) for s in header["streams"]), table)


@dataclass(frozen=True, slots=True)
class MetricMetadata:
    type: MetricType = MetricType.UNKNOWN
    unit: str = ""
    help: str = ""


@dataclass(frozen=True, slots=True)
class SampleBatch:
    """Samples of some series, in arrival order.

    `series` are label sets with `__name__`; the three arrays have one length:
    `series_index` (int32, into `series`), `ts_ms` (int64, since the epoch) and
    `values` (float64; NaN is a value, the stale NaN ends a series).
    """

    series: tuple[Labels, ...]
    series_index: npt.NDArray[np.int32]
    ts_ms: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    metadata: Mapping[str, MetricMetadata] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.values)

    def encode(self) -> bytes:
        """Return the batch as an Arrow IPC stream compressed with lz4."""
        table = pa.table(
            {"series": self.series_index, "ts_ms": self.ts_ms, "value": self.values}
        )
        metadata = {name: (m.type, m.unit, m.help) for name, m in self.metadata.items()}
        return _encode(table, {"series": self.series, "metadata": metadata})

    @classmethod
    def decode(cls, payload: bytes) -> SampleBatch:
        """Raises CorruptBatchError."""
        table, header = _decode(payload)
        return cls(
            series=tuple(make_labels(map(tuple, s)) for s in header["series"]),
            series_index=table.column("series").to_numpy(),
            ts_ms=table.column("ts_ms").to_numpy(),
            values=table.column("value").to_numpy(),
            metadata={
                name: MetricMetadata(MetricType(kind), unit, text)
                for name, (kind, unit, text) in header["metadata"].items()
            },
        )


def _encode(table: pa.Table, header: Mapping[str, Any]) -> bytes:
    sink = pa.BufferOutputStream()
    schema = table.schema.with_metadata({"vedette": orjson.dumps(header)})
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(sink, schema, options=options) as writer:
        writer.write_table(table.replace_schema_metadata(schema.metadata))
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded


def _decode(payload: bytes) -> tuple[pa.Table, Any]:
    try:
        with pa.ipc.open_stream(pa.py_buffer(payload)) as reader:
            table = reader.read_all()
        return table, orjson.loads((table.schema.metadata or {})[b"vedette"])
    except (pa.ArrowInvalid, OSError, KeyError, orjson.JSONDecodeError) as error:
        raise CorruptBatchError(f"not an encoded batch: {error}") from error


@dataclass(frozen=True, slots=True)
class SeriesData:
    """Samples of selected series, sorted by series and then by time, without doubles.

    Series `i` has `labels[i]` and the samples `offsets[i]:offsets[i + 1]` of
    `ts_ms` and `values`. Stale markers are kept: the query engine needs them.
    """

    labels: Sequence[Labels]
    offsets: npt.NDArray[np.int64]
    ts_ms: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]

    @classmethod
    def empty(cls) -> SeriesData:
        none = np.empty(0, np.int64)
        return cls((), np.zeros(1, np.int64), none, np.empty(0, np.float64))


class TooMuchDataError(Exception):
    """A query would touch more than the organization's limits allow."""


class Querier(Protocol):
    """Reads the samples of one scope; what the query engines are given."""

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> SeriesData:
        """Return all samples with start_ms <= ts <= end_ms of the matching series.

        Series without a sample in the range are left out.
        Raises TooMuchDataError.
        """
        ...
