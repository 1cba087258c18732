"""The two batches that all telemetry becomes, and what a store must be able to do.

Every protocol decodes into a `LogBatch` or a `SampleBatch`; the pipeline, the
inbox, the store and the query engines know nothing else. Both are columnar and
travel through the inbox as Arrow IPC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any, Protocol, overload

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
from typing_extensions import override

from monitoring.labels import (
    Labels,
    Matcher,
    make_labels,
    pack_labels,
    unpack_labels,
)

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
    def is_empty(self) -> bool:
        return self.count == 0

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


class PackedSeries(Sequence[Labels]):
    """Label sets as bytes, each unpacked only when it is asked for."""

    __slots__ = ("packed",)

    def __init__(self, packed: Sequence[bytes]) -> None:
        self.packed = packed

    @overload
    def __getitem__(self, index: int) -> Labels: ...
    @overload
    def __getitem__(self, index: slice) -> PackedSeries: ...
    @override
    def __getitem__(self, index: int | slice) -> Labels | PackedSeries:
        if isinstance(index, slice):
            return PackedSeries(self.packed[index])
        return unpack_labels(self.packed[index])

    @override
    def __len__(self) -> int:
        return len(self.packed)

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    @override
    def __hash__(self) -> int:
        return hash(tuple(self.packed))


def packed_series(series: Sequence[Labels]) -> Sequence[bytes]:
    """Return the label sets as bytes; nothing is done where they are already."""
    if isinstance(series, PackedSeries):
        return series.packed
    return [pack_labels(labels) for labels in series]


@dataclass(frozen=True, slots=True)
class Exemplars:
    """Examples of what was measured, mostly with the id of a trace.

    Columns of one length: `series_index` as in the batch they came with, `ts_ms`
    since the epoch, `values`, and each exemplar's own labels.
    """

    series_index: npt.NDArray[np.int32]
    ts_ms: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    labels: Sequence[Labels]

    @classmethod
    def of_rows(cls, rows: Iterable[tuple[int, int, float, Labels]]) -> Exemplars:
        """Return those of (place of the series, ts_ms, value, labels)."""
        found = list(rows)
        if not found:
            return NO_EXEMPLARS
        places, times, values, labels = zip(*found, strict=True)
        return cls(
            np.array(places, np.int32),
            np.array(times, np.int64),
            np.array(values, np.float64),
            labels,
        )

    @classmethod
    def joined(
        cls, parts: Sequence[tuple[npt.NDArray[np.int32], Exemplars]]
    ) -> Exemplars:
        """Return all of them; with each part, where its series are now."""
        if not parts:
            return NO_EXEMPLARS
        return cls(
            np.concatenate([places for places, _ in parts]).astype(np.int32),
            np.concatenate([part.ts_ms for _, part in parts]),
            np.concatenate([part.values for _, part in parts]),
            PackedSeries([p for _, part in parts for p in packed_series(part.labels)]),
        )

    def __len__(self) -> int:
        return len(self.values)


NO_EXEMPLARS = Exemplars(
    np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float64), ()
)


@dataclass(frozen=True, slots=True)
class SampleBatch:
    """Samples of some series, in arrival order.

    `series` are label sets with `__name__`; the three arrays have one length:
    `series_index` (int32, into `series`), `ts_ms` (int64, since the epoch) and
    `values` (float64; NaN is a value, the stale NaN ends a series).

    The values of a batch that `is_delta` count since the sample before; they are
    added up where they are stored.
    """

    series: Sequence[Labels]
    series_index: npt.NDArray[np.int32]
    ts_ms: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    metadata: Mapping[str, MetricMetadata] = field(default_factory=dict)
    exemplars: Exemplars = NO_EXEMPLARS
    is_delta: bool = False

    @property
    def count(self) -> int:
        return len(self.values)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to store; metadata may come without samples."""
        return not (self.count or len(self.exemplars) or self.metadata)

    def encode(self) -> bytes:
        """Return the batch as an Arrow IPC stream compressed with lz4.

        Its columns are of different lengths, so each is the one value of a list.
        """
        found = self.exemplars
        columns = {
            "labels": pa.array(packed_series(self.series), pa.binary()),
            "series": pa.array(self.series_index),
            "ts_ms": pa.array(self.ts_ms),
            "value": pa.array(self.values),
        }
        if len(found):
            columns |= {
                "exemplar.labels": pa.array(packed_series(found.labels), pa.binary()),
                "exemplar.series": pa.array(found.series_index),
                "exemplar.ts_ms": pa.array(found.ts_ms),
                "exemplar.value": pa.array(found.values),
            }
        metadata = {name: (m.type, m.unit, m.help) for name, m in self.metadata.items()}
        lists = {name: _one_list(column) for name, column in columns.items()}
        header = {"metadata": metadata, "is_delta": self.is_delta}
        return _encode(pa.record_batch(lists), header)

    @classmethod
    def decode(cls, payload: bytes) -> SampleBatch:
        """Raises CorruptBatchError."""
        table, header = _decode(payload)
        try:
            columns = {
                name: table.column(name).combine_chunks().values
                for name in table.column_names
            }
            return cls(
                series=PackedSeries(columns["labels"].to_pylist()),
                series_index=columns["series"].to_numpy(),
                ts_ms=columns["ts_ms"].to_numpy(),
                values=columns["value"].to_numpy(),
                metadata={
                    name: MetricMetadata(MetricType(kind), unit, text)
                    for name, (kind, unit, text) in header["metadata"].items()
                },
                exemplars=_exemplars(columns),
                is_delta=header["is_delta"],
            )
        except (KeyError, AttributeError, ValueError) as error:
            raise CorruptBatchError(f"not a batch of samples: {error}") from error


def _exemplars(columns: Mapping[str, pa.Array]) -> Exemplars:
    if "exemplar.labels" not in columns:
        return NO_EXEMPLARS
    return Exemplars(
        columns["exemplar.series"].to_numpy(),
        columns["exemplar.ts_ms"].to_numpy(),
        columns["exemplar.value"].to_numpy(),
        PackedSeries(columns["exemplar.labels"].to_pylist()),
    )


def _one_list(column: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array([0, len(column)], pa.int32()), column)


def _encode(table: pa.Table | pa.RecordBatch, header: Mapping[str, Any]) -> bytes:
    sink = pa.BufferOutputStream()
    schema = table.schema.with_metadata({"vedette": orjson.dumps(header)})
    # Arrow's own threads cost such small batches more than they save.
    options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
    with pa.ipc.new_stream(sink, schema, options=options) as writer:
        writer.write(table.replace_schema_metadata(schema.metadata))
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded


def _decode(payload: bytes) -> tuple[pa.Table, Any]:
    try:
        options = pa.ipc.IpcReadOptions(use_threads=False)
        with pa.ipc.open_stream(pa.py_buffer(payload), options=options) as reader:
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


class LineOp(StrEnum):
    """LogQL's line filters that a store can apply by itself."""

    CONTAINS = "|="
    NOT_CONTAINS = "!="
    MATCHES = "|~"
    NOT_MATCHES = "!~"


@dataclass(frozen=True, slots=True)
class LineFilter:
    """One condition on the text of a line.

    A positive one holds when any of `values` is found, a negative one when none is.
    The values of MATCHES and NOT_MATCHES are RE2 expressions, not anchored. An empty
    value is found in every line.
    """

    op: LineOp
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogChunk:
    """Lines of one stream, sorted by time; the columns hold a value for each.

    `ts_ns` counts nanoseconds since the epoch; `fields` are nullable texts by their
    names without FIELD_PREFIX: metadata that came with the line and what its format
    has parsed.
    """

    stream: Labels
    ts_ns: npt.NDArray[np.int64]
    levels: npt.NDArray[np.int8]
    lines: pa.LargeStringArray
    fields: Mapping[str, pa.LargeStringArray]

    @property
    def count(self) -> int:
        return len(self.ts_ns)


@dataclass(frozen=True, slots=True)
class LineCounts:
    """Numbers of lines: `counts[i, j]` of stream `labels[i]` in window j."""

    labels: Sequence[Labels]
    counts: npt.NDArray[np.int64]


class LogQuerier(Protocol):
    """Reads the lines of one scope; what LogQL's engine is given."""

    def select(
        self,
        matchers: Sequence[Matcher],
        filters: Sequence[LineFilter],
        start_ns: int,
        end_ns: int,
        *,
        newest_first: bool = False,
        fields: Sequence[str] | None = None,
    ) -> Iterator[LogChunk]:
        """Yield the lines with start_ns <= ts < end_ns that pass all filters.

        Chunks come in the asked order of their first line (of their last one with
        `newest_first`), so that a reader of few lines can stop early; chunks overlap
        in time, and the rows of each are in ascending order always. `fields` names
        the columns that are read, None stands for all. Closing the iterator ends the
        reading. Raises TooMuchDataError.
        """
        ...

    def count(
        self,
        matchers: Sequence[Matcher],
        filters: Sequence[LineFilter],
        starts_ns: npt.NDArray[np.int64],
        ends_ns: npt.NDArray[np.int64],
        *,
        of_bytes: bool = False,
    ) -> LineCounts:
        """Return how many lines, or bytes of them, have starts[j] <= ts < ends[j].

        Both arrays ascend; windows may overlap. Streams without a line in any of the
        windows are left out. Raises TooMuchDataError.
        """
        ...
