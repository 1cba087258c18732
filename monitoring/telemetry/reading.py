"""What query engines are given to read by, and what they get."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitoring.labels import Labels, Matcher


class TooMuchDataError(Exception):
    """A query would touch more than the organization's limits allow."""


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
