"""Blocks as bytes: what stands in a payload column, and how runs are merged. Pure.

Samples are an Arrow IPC stream compressed with zstd; times and ids are stored as
differences (docs/decisions/0001-block-format.md has the figures). Lines are a head, and
their text column by column (docs/decisions/0007-lines-from-fields.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitoring.store import stored_text
from monitoring.store.log_heads import LogHead, encode_head
from monitoring.store.packing import LENGTH, QUICK, SMALL
from monitoring.store.stored_text import StoredText
from monitoring.telemetry import LEVEL_WORDS

Int64s = npt.NDArray[np.int64]

_ZSTD = pa.ipc.IpcWriteOptions(compression="zstd")
# Blocks this small are soon merged: packing one takes ten times as long as writing it.
FEW_LINES = 32
# Sort keys are joined into one integer as long as they fit.
_KEY_BITS = 62


@dataclass(frozen=True, slots=True)
class Samples:
    """Three columns of equal length; `series` holds ids."""

    series: Int64s
    ts_ms: Int64s
    values: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ts_ms)

    def take(self, chosen: npt.NDArray[Any] | slice) -> Samples:
        return Samples(self.series[chosen], self.ts_ms[chosen], self.values[chosen])

    @classmethod
    def join(cls, runs: Sequence[Samples]) -> Samples:
        if not runs:
            return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
        return cls(
            np.concatenate([run.series for run in runs]),
            np.concatenate([run.ts_ms for run in runs]),
            np.concatenate([run.values for run in runs]),
        )


def encode_samples(samples: Samples) -> bytes:
    """Return a payload; values keep every bit, also those of the stale NaN."""
    return _encode(
        {
            "series": pa.array(_differences(samples.series)),
            "ts_ms": pa.array(_differences(samples.ts_ms)),
            "value": pa.array(samples.values),
        }
    )


def decode_samples(payload: bytes) -> Samples:
    table = _decode(payload)
    return Samples(
        np.cumsum(_numbers(table, "series")),
        np.cumsum(_numbers(table, "ts_ms")),
        _numbers(table, "value"),
    )


def merge_samples(runs: Sequence[Samples]) -> Samples:
    """Return one run sorted by series and time, where the last of doubles has won.

    Runs come in the order in which they were appended.
    """
    joined = runs[0] if len(runs) == 1 else Samples.join(runs)
    if len(joined) < 2:  # noqa: PLR2004 - nothing to sort
        return joined
    if len(runs) == 1 and _is_sorted(joined):
        return joined
    ordered = joined.take(_order(joined.series, joined.ts_ms))
    last = np.ones(len(ordered), np.bool_)
    last[:-1] = (np.diff(ordered.series) != 0) | (np.diff(ordered.ts_ms) != 0)
    return ordered if last.all() else ordered.take(last)


def _is_sorted(run: Samples) -> bool:
    """Whether it is sorted by series and time, without doubles."""
    steps = np.diff(run.series)
    within = np.diff(run.ts_ms)[steps == 0]
    return bool((steps >= 0).all() and (within > 0).all())


def _order(major: Int64s, minor: Int64s) -> npt.NDArray[np.intp]:
    """Return the stable order by both keys; fast where runs are sorted already."""
    low = int(minor.min())
    bits = (int(minor.max()) - low).bit_length()
    base = int(major.min())
    if bits + (int(major.max()) - base).bit_length() > _KEY_BITS:
        return np.lexsort((minor, major))
    key = ((major - base) << bits) | (minor - low)
    return np.argsort(key, kind="stable")


# How many bytes say how long the head of a log payload is.
HEAD_LENGTH = LENGTH
# A log block has at most so many lines, and lines of so many bytes.
MAX_LINES = 65_536
MAX_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class LogLines:
    """Lines of one stream, sorted by time and then by order of arrival.

    `origin` and `row` are a line's place in the block it was appended with. They never
    change, so that a reader can always say how far it has come. `text` has the
    column "line" and the columns "field.<name>".
    """

    ts_ns: Int64s
    levels: npt.NDArray[np.int8]
    origin: Int64s
    row: Int64s
    text: pa.Table

    def __len__(self) -> int:
        return len(self.ts_ns)

    def slice(self, start: int, end: int) -> LogLines:
        return LogLines(
            self.ts_ns[start:end],
            self.levels[start:end],
            self.origin[start:end],
            self.row[start:end],
            self.text.slice(start, end - start),
        )

    def take(self, chosen: npt.NDArray[np.intp]) -> LogLines:
        return LogLines(
            self.ts_ns[chosen],
            self.levels[chosen],
            self.origin[chosen],
            self.row[chosen],
            # A table without columns knows no rows to take.
            self.text.take(pa.array(chosen)) if self.text.num_columns else self.text,
        )

    @property
    def level_counts(self) -> list[int]:
        counts = np.bincount(self.levels, minlength=len(LEVEL_WORDS))
        return [int(count) for count in counts]

    @property
    def raw(self) -> memoryview:
        """The bytes of all lines, one behind the other."""
        data = self._lines.buffers()[2]
        bounds = self.bounds
        return memoryview(data or b"")[int(bounds[0]) : int(bounds[-1])]

    @property
    def bounds(self) -> Int64s:
        """Where each line begins in its buffer, and the last one ends."""
        lines = self._lines
        every = np.frombuffer(lines.buffers()[1], np.int64)
        return every[lines.offset : lines.offset + len(lines) + 1]

    @property
    def _lines(self) -> pa.Array:
        """The lines in one piece; nothing is copied where they are already."""
        return self.text.column("line").combine_chunks()


def split_logs(lines: LogLines) -> Iterator[LogLines]:
    """Cut a run into parts of bounded length and size."""
    bounds = lines.bounds
    start = 0
    while start < len(lines):
        by_size = int(np.searchsorted(bounds, bounds[start] + MAX_BYTES, "right")) - 1
        end = min(max(by_size, start + 1), start + MAX_LINES, len(lines))
        yield lines.slice(start, end)
        start = end


def encode_logs(lines: LogLines, *, keep_origin: bool, small: bool = False) -> bytes:
    """Return a payload; fields that no line has are left out.

    A block that is as it was appended needs no origins: its own id says them. The
    payload begins with the length of its head, which alone is read to count lines.
    `small` takes three times as long for a twentieth less.
    """
    few = len(lines) <= FEW_LINES
    head = encode_head(lines, None if few else QUICK, keep_origin=keep_origin)
    body = stored_text.encode(lines.text, SMALL if small else QUICK, plain=few)
    return len(head).to_bytes(HEAD_LENGTH, "big") + head + body


def decode_logs(
    payload: bytes, block_id: int, *, text: Sequence[str] | None
) -> LogLines:
    """Return the block's lines with only the named text columns; None means all."""
    head, stored = open_logs(payload, block_id)
    return LogLines(head.ts_ns, head.levels, head.origin, head.row, stored.table(text))


def open_logs(payload: bytes, block_id: int) -> tuple[LogHead, StoredText]:
    """Return the block's times and levels, and its text, as they are stored."""
    buffer = pa.py_buffer(payload)
    end = HEAD_LENGTH + int.from_bytes(payload[:HEAD_LENGTH], "big")
    head = buffer.slice(HEAD_LENGTH, end - HEAD_LENGTH)
    return LogHead.decode(head, block_id), StoredText.decode(buffer.slice(end))


def decode_head(head: bytes, block_id: int) -> LogHead:
    """Return the block's times and levels, from its payload's head alone."""
    return LogHead.decode(pa.py_buffer(head).slice(HEAD_LENGTH), block_id)


def merge_logs(runs: Sequence[LogLines]) -> LogLines:
    """Return one run of one stream's lines, sorted by time, then by arrival."""
    ts_ns = np.concatenate([run.ts_ns for run in runs])
    origin = np.concatenate([run.origin for run in runs])
    row = np.concatenate([run.row for run in runs])
    order = np.lexsort((row, origin, ts_ns))
    text = pa.concat_tables([run.text for run in runs], promote_options="default")
    return LogLines(
        ts_ns[order],
        np.concatenate([run.levels for run in runs])[order],
        origin[order],
        row[order],
        text.combine_chunks().take(pa.array(order)),
    )


def _differences(column: Int64s) -> Int64s:
    return np.diff(column, prepend=np.int64(0))


def _numbers(table: pa.Table, name: str) -> npt.NDArray[Any]:
    column: npt.NDArray[Any] = table.column(name).to_numpy()
    return column


def _encode(columns: dict[str, pa.Array]) -> bytes:
    batch = pa.record_batch(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=_ZSTD) as writer:
        writer.write_batch(batch)
    payload: bytes = sink.getvalue().to_pybytes()
    return payload


def _decode(payload: Any) -> pa.Table:
    return pa.ipc.open_stream(payload).read_all()
