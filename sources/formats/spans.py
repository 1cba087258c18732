"""Strings as one byte buffer: columns are cut out of it without a loop over lines.

Parsers find where values start and end with numpy; `Text.cut` turns the spans into
an Arrow column at the speed of a memory copy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

ESCAPE = "\x1b"
COLOURS = r"\x1b\[[0-9;?]*[A-Za-z]"

# Arrow keeps strings of up to twelve bytes inside their 16-byte view.
INLINE = 12
VIEW = np.dtype([("length", "<i4"), ("body", "V12")])
LONG_BODY = np.dtype([("prefix", "V4"), ("buffer", "<i4"), ("offset", "<i4")])


def as_strings(lines: Any) -> pa.Array:
    """Return the lines as one large_string array without nulls and without offset."""
    if isinstance(lines, pa.ChunkedArray):
        lines = lines.combine_chunks()
    if lines.type != pa.large_string():
        lines = lines.cast(pa.large_string())
    if lines.null_count:
        lines = pc.fill_null(lines, "")
    return pa.concat_arrays([lines]) if lines.offset else lines


def without_colours(lines: pa.Array) -> pa.Array:
    """Return the lines without the escape sequences of terminals."""
    # Ten times as fast as asking each line.
    data = Text.of(lines).data
    if not np.any(data == ord(ESCAPE)):
        return lines
    return pc.replace_substring_regex(lines, COLOURS, "")


@dataclass(frozen=True, slots=True)
class Text:
    """Strings laid end to end: string `i` is `data[starts[i]:ends[i]]`.

    `data` has at least INLINE spare bytes behind the last string, all zero, so that a
    fixed-width read from any position stays inside.
    """

    data: Bytes
    starts: Ints
    ends: Ints

    @classmethod
    def of(cls, lines: Any) -> Text:
        array = as_strings(lines)
        offsets = np.frombuffer(array.buffers()[1], np.int64, len(array) + 1)
        first, last = int(offsets[0]), int(offsets[-1])
        data = np.zeros(last - first + INLINE, np.uint8)
        if last > first:
            whole = np.frombuffer(array.buffers()[2], np.uint8)
            data[: last - first] = whole[first:last]
        return cls(data, offsets[:-1] - first, offsets[1:] - first)

    @property
    def count(self) -> int:
        return len(self.starts)

    @property
    def size(self) -> int:
        return int(self.ends[-1]) if self.count else 0

    def pieces(self, size: int) -> Iterator[tuple[int, Text]]:
        """Yield runs of whole strings of about `size` bytes, with their first index."""
        first = 0
        while first < self.count:
            base = int(self.starts[first])
            last = int(np.searchsorted(self.starts, base + size))
            part = slice(first, max(last, first + 1))
            end = int(self.ends[part][-1]) + INLINE
            starts, ends = self.starts[part] - base, self.ends[part] - base
            yield first, Text(self.data[base:end], starts, ends)
            first = part.stop

    def cut(self, starts: Ints, ends: Ints, valid: Bools | None = None) -> pa.Array:
        """Return the spans as a large_string column; where not `valid`, null.

        Spans must begin and end between characters, never inside one.
        """
        lengths = ends - starts
        if valid is not None:
            starts, lengths = np.where(valid, starts, 0), np.where(valid, lengths, 0)
        views = np.empty(len(starts), VIEW)
        views["length"] = lengths
        views["body"] = self._bodies(starts, lengths)
        mask = None if valid is None else pa.py_buffer(pack(valid))
        buffers = [mask, pa.py_buffer(views), pa.py_buffer(self.data)]
        array = pa.Array.from_buffers(pa.string_view(), len(starts), buffers)
        return array.cast(pa.large_string())

    def _bodies(self, starts: Ints, lengths: Ints) -> npt.NDArray[np.void]:
        heads = self.windows(starts, INLINE)
        long = lengths > INLINE
        short = ~long
        width = np.arange(INLINE)
        if not long.all():
            heads[short[:, None] & (width >= lengths[:, None])] = 0
        bodies = heads.view("V12").ravel()
        if long.any():
            views = np.empty(int(long.sum()), LONG_BODY)
            views["prefix"] = heads[long][:, :4].copy().view("V4").ravel()
            views["buffer"] = 0
            views["offset"] = starts[long]
            bodies[long] = views.view("V12")
        return bodies

    def windows(self, starts: Ints, width: int) -> Bytes:
        """Return the `width` bytes from each start as rows; width is at most INLINE."""
        view = np.lib.stride_tricks.sliding_window_view(self.data, width)
        return np.ascontiguousarray(view[starts])

    def holds(self, byte: int, starts: Ints, ends: Ints) -> Bools:
        """Return which of the spans hold the byte."""
        places = np.flatnonzero(self.data == byte)
        if not len(places):
            return np.zeros(len(starts), np.bool_)
        counts = np.searchsorted(places, ends) - np.searchsorted(places, starts)
        return np.asarray(counts > 0)


def spread(values: pa.Array, rows: Ints, count: int) -> pa.Array:
    """Return a column of `count` rows with the values at the given, rising rows."""
    if len(rows) == count:
        return values
    valid = np.zeros(count, np.bool_)
    valid[rows] = True
    given = np.frombuffer(values.buffers()[1], np.int64, len(values) + 1)
    # The rows between two values are empty, so all end where the former does.
    offsets = np.zeros(count + 1, np.int64)
    offsets[rows + 1] = np.diff(given)
    offsets = np.cumsum(offsets) + given[0]
    buffers = [pa.py_buffer(pack(valid)), pa.py_buffer(offsets), values.buffers()[2]]
    return pa.Array.from_buffers(pa.large_string(), count, buffers)


def pack(valid: Bools) -> Bytes:
    """Return Arrow's validity bitmap."""
    return np.packbits(valid, bitorder="little")


def heads(lines: pa.Array, width: int) -> Bytes:
    """Return the first `width` bytes of each line as rows, padded with zeros."""
    if not len(lines):
        return np.zeros((0, width), np.uint8)
    cut = pc.binary_slice(lines.cast(pa.large_binary()), 0, width)
    padded = pc.ascii_rpad(cut.view(pa.large_string()), width, "\0")
    offsets = np.frombuffer(padded.buffers()[1], np.int64, len(lines) + 1)
    data = np.frombuffer(padded.buffers()[2], np.uint8)
    return data[offsets[0] : offsets[-1]].reshape(len(lines), width)
