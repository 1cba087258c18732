"""A block's columns of text as they are packed: each by itself, values apart from codes.

Where values come again a column is its distinct values, and a code for each row. An
index says which bytes the values are made of, so that a text with any other one is not
looked for, and nothing is unpacked. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.store import log_search
from monitoring.store.laziness import made_once
from monitoring.store.log_search import Bools
from monitoring.store.packing import Packed, from_planes, planes
from monitoring.store.placements import How, Test

Rows = npt.NDArray[np.intp]
Frame = tuple[bytes, pa.Codec | None]

# Above this share of distinct values a dictionary is no shorter than its column.
MANY_DISTINCT = 0.7
_BYTE, _WORD = 1 << 8, 1 << 16
ANY_SIGN = (1 << _BYTE) - 1


def pack_column(
    name: str, column: pa.LargeStringArray, codec: pa.Codec
) -> tuple[list[Any], list[Frame]]:
    """Return what the index says of a column, and its frames."""
    encoded = column.dictionary_encode()
    values, frames, width = encoded.dictionary, [], 0
    if column.null_count == 0 and len(values) > MANY_DISTINCT * len(column):
        values = column
    else:
        codes, width = _codes(encoded)
        frames = [(planes(codes, width), codec)]
    bounds, data = _parts(values)
    lengths = np.diff(bounds).astype(np.uint32)
    size = 1 + (lengths.max(initial=0) >= _BYTE) + 2 * (lengths.max(initial=0) >= _WORD)
    present = np.zeros(_BYTE, np.bool_)
    present[data] = True
    meta = [
        name,
        len(values),
        column.null_count > 0,
        width,
        int(size),
        np.packbits(present, bitorder="little").tobytes()[::-1].hex(),
    ]
    return meta, [(planes(lengths, int(size)) + data.tobytes(), codec), *frames]


def _codes(encoded: pa.DictionaryArray) -> tuple[npt.NDArray[np.uint32], int]:
    """Return a code for each row, the number of values standing for null."""
    absent = len(encoded.dictionary)
    indices = encoded.indices
    if indices.null_count:
        indices = pc.fill_null(indices, absent)
    width = 1 if absent < _BYTE else 2 if absent < _WORD else 4
    return indices.to_numpy().astype(np.uint32), width


def _parts(
    values: pa.LargeStringArray,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    bounds = np.frombuffer(values.buffers()[1], np.int64)
    bounds = bounds[values.offset : values.offset + len(values) + 1]
    data = np.frombuffer(values.buffers()[2] or b"", np.uint8)
    return bounds, data[bounds[0] : bounds[-1]]


@dataclass
class StoredColumn:
    """A packed column, of which nothing is unpacked before it is asked for."""

    packed: Packed
    first_frame: int
    count: int
    distinct: int
    has_nulls: bool
    code_width: int
    length_width: int
    signs: int

    @classmethod
    def of_index(
        cls, packed: Packed, count: int, index: Sequence[Sequence[Any]]
    ) -> dict[str, StoredColumn]:
        columns, frame = {}, 0
        for name, distinct, has_nulls, code_width, length_width, signs in index:
            columns[name] = cls(
                packed,
                frame,
                count,
                distinct,
                has_nulls,
                code_width,
                length_width,
                int(signs, 16),
            )
            frame += 2 if code_width else 1
        return columns

    @classmethod
    def of_values(cls, packed: Packed, rows: Sequence[str | None]) -> StoredColumn:
        """Return a column of few rows, which is no more than a list."""
        values = [value for value in rows if value is not None]
        has_nulls = len(values) < len(rows)
        column = cls(packed, 0, len(rows), len(values), has_nulls, 0, 0, ANY_SIGN)
        column.values = pa.array(values, pa.large_string())
        if has_nulls:
            present = np.array([value is not None for value in rows])
            column.codes = np.where(present, np.cumsum(present) - 1, len(values))
        return column

    @made_once
    def values(self) -> pa.LargeStringArray:
        frame = self.packed.frame(self.first_frame)
        lengths = from_planes(frame, self.length_width, self.distinct, np.uint32)
        bounds = np.zeros(self.distinct + 1, np.int64)
        np.cumsum(lengths, out=bounds[1:])
        data = frame.slice(self.length_width * self.distinct)
        buffers = [None, pa.py_buffer(bounds), data]
        return pa.Array.from_buffers(pa.large_string(), self.distinct, buffers)

    @made_once
    def codes(self) -> npt.NDArray[Any] | None:
        """The place of each row's value; None where values stand as the rows do."""
        if not self.code_width:
            return None
        frame = self.packed.frame(self.first_frame + 1)
        if self.code_width == 1:
            return np.frombuffer(frame, np.uint8)
        kind = np.uint16 if self.code_width == 2 else np.uint32  # noqa: PLR2004 - bytes
        return from_planes(frame, self.code_width, self.count, kind)

    @property
    def cost(self) -> int:
        """How many bytes are searched, and maybe unpacked before."""
        return self.packed.size(self.first_frame) if self.length_width else 0

    @property
    def unpacked_size(self) -> int:
        """How many bytes values, their bounds and codes take."""
        if not self.length_width:
            return int(self.values.nbytes)
        values = self.packed.size(self.first_frame) + 8 * self.distinct
        return values + self.code_width * self.count

    def array(self, rows: Rows | None = None) -> pa.LargeStringArray:
        """Return the column, or some of its rows."""
        codes = self.codes
        if codes is None:
            return self.values if rows is None else self.values.take(pa.array(rows))
        if rows is not None:
            codes = codes[rows]
        absent = codes == self.distinct if self.has_nulls else None
        return self.values.take(pa.array(codes, mask=absent))

    def is_null(self) -> Bools:
        codes = self.codes
        if codes is None or not self.has_nulls:
            return np.zeros(self.count, np.bool_)
        return np.asarray(codes == self.distinct)

    def cannot_have(self, text: str) -> bool:
        """Whether the index says that the text is in no value."""
        return bool(signs_of(text) & ~self.signs)

    def never_holds(self, test: Test, absent: str) -> bool:
        """Whether the index says that the test holds of no row."""
        return self.cannot_have(test.text) and not (
            self.has_nulls and test.holds(absent)
        )

    def holding(self, test: Test, absent: str) -> Bools:
        """Return the rows of which the test holds; `absent` stands for null."""
        null_holds = self.has_nulls and test.holds(absent)
        if self.cannot_have(test.text):
            return self.is_null() if null_holds else np.zeros(self.count, np.bool_)
        marks = np.append(_holding(self.values, test), null_holds)
        if not marks.any():
            return np.zeros(self.count, np.bool_)
        codes = self.codes
        return marks[:-1] if codes is None else marks[codes]


@lru_cache(maxsize=4096)
def signs_of(text: str) -> int:
    """Return a number with a bit for each byte that the text has."""
    signs = 0
    for byte in text.encode():
        signs |= 1 << byte
    return signs


def _holding(values: pa.LargeStringArray, test: Test) -> Bools:
    if test.how is How.CONTAINS:
        return log_search.containing(values, test.text)
    if test.how is How.EQUALS:
        found = pc.equal(values, pa.scalar(test.text, pa.large_string()))
    elif test.how is How.STARTS:
        found = pc.starts_with(values, test.text)
    else:
        found = pc.ends_with(values, test.text)
    return np.asarray(found.to_numpy(zero_copy_only=False))
