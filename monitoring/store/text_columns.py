"""A block's columns of text as they are packed: each by itself, values apart from codes.

Where values come again a column is its distinct values, and a code for each row. An
index says what is known of all values: how long they are, which bytes they are made of,
begin and end with. So a text that no value can have is not looked for, and nothing is
unpacked. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.store import log_search
from monitoring.store.laziness import made_once
from monitoring.store.log_search import Bools
from monitoring.store.packing import QUICK, Frame, Packed, from_planes, planes
from monitoring.store.placements import ANY_SIGN, How, Test
from monitoring.store.row_codes import (
    Codes,
    PlainCodes,
    RowCodes,
    pack_codes,
    unpack_codes,
)

Rows = npt.NDArray[np.intp]

# Above this share of distinct values a dictionary is no shorter than its column.
MANY_DISTINCT = 0.7
# Rows are searched by themselves where there are so many times as many values.
VALUES_A_ROW = 8
_BYTE = 1 << 8
_LONGEST = 2**32


@dataclass(frozen=True, slots=True)
class Facts:
    """What holds for all values of a column that are not null.

    Lengths are in bytes; a set of bytes is a number with a bit for each.
    """

    shortest: int = 0
    longest: int = _LONGEST
    signs: int = ANY_SIGN
    first: int = ANY_SIGN
    last: int = ANY_SIGN

    @classmethod
    def of(cls, bounds: npt.NDArray[np.int64], data: npt.NDArray[np.uint8]) -> Facts:
        lengths = np.diff(bounds)
        starts, ends = bounds[:-1][lengths > 0], bounds[1:][lengths > 0]
        return cls(
            int(lengths.min()) if len(lengths) else 0,
            int(lengths.max(initial=0)),
            _set_of(data[bounds[0] : bounds[-1]]),
            _set_of(data[starts]),
            _set_of(data[ends - 1]),
        )

    def to_json(self) -> list[Any]:
        sets = (self.signs, self.first, self.last)
        return [self.shortest, self.longest, *(f"{some:x}" for some in sets)]

    @classmethod
    def from_json(cls, value: Sequence[Any]) -> Facts:
        shortest, longest, *sets = value
        return cls(shortest, longest, *(int(some, 16) for some in sets))

    def exclude(self, test: Test) -> bool:
        """Whether the test holds of no value."""
        if test.signs & ~self.signs or test.length > self.longest:
            return True
        if test.first & ~self.first or test.last & ~self.last:
            return True
        return test.how is How.EQUALS and test.length < self.shortest

    def imply(self, test: Test) -> bool:
        """Whether the test holds of every value."""
        if not test.text:
            return test.how is not How.EQUALS or self.longest == 0
        if test.length != 1 or not self.shortest:
            return False
        if test.how is How.STARTS:
            return self.first == test.first
        return test.how is How.ENDS and self.last == test.last


def _set_of(data: npt.NDArray[np.uint8]) -> int:
    present = np.zeros(_BYTE, np.bool_)
    present[data] = True
    return int.from_bytes(np.packbits(present, bitorder="little").tobytes(), "little")


def pack_column(
    name: str, column: pa.LargeStringArray, codec: pa.Codec
) -> tuple[list[Any], list[Frame]]:
    """Return what the index says of a column, and its frames.

    Codes gain nothing by a slower codec than the quick one.
    """
    encoded = column.dictionary_encode()
    values = encoded.dictionary
    told, frames = list[int](), list[Frame]()
    if column.null_count == 0 and len(values) > MANY_DISTINCT * len(column):
        values = column
    else:
        told, codes = pack_codes(_codes(encoded), len(values))
        frames = [(codes, QUICK)]
    bounds, data = _parts(values)
    facts = Facts.of(bounds, data)
    lengths = np.diff(bounds).astype(np.uint32)
    width = -(-facts.longest.bit_length() // 8) if facts.shortest < facts.longest else 0
    meta = [name, len(values), column.null_count > 0, told, width, facts.to_json()]
    text = [planes(lengths, width), data[bounds[0] : bounds[-1]].tobytes()]
    return meta, [(text, codec), *frames]


def _codes(encoded: pa.DictionaryArray) -> Codes:
    """Return a code for each row, the number of values standing for null."""
    indices = encoded.indices
    if indices.null_count:
        indices = pc.fill_null(indices, len(encoded.dictionary))
    codes: Codes = indices.to_numpy().astype(np.uint32)
    return codes


def _parts(
    values: pa.LargeStringArray,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    bounds = np.frombuffer(values.buffers()[1], np.int64)
    bounds = bounds[values.offset : values.offset + len(values) + 1]
    return bounds, np.frombuffer(values.buffers()[2] or b"", np.uint8)


@dataclass
class StoredColumn:
    """A packed column, of which nothing is unpacked before it is asked for.

    `codes` is None where values stand as the rows do.
    """

    packed: Packed
    first_frame: int
    count: int
    distinct: int
    has_nulls: bool
    codes: RowCodes | None
    length_width: int
    facts: Facts

    @classmethod
    def of_index(
        cls, packed: Packed, count: int, index: Sequence[Sequence[Any]]
    ) -> dict[str, StoredColumn]:
        columns, frame = {}, 0
        for name, distinct, has_nulls, told, length_width, facts in index:
            codes = None
            if told:
                codes = unpack_codes(told, packed, frame + 1, count, distinct)
            columns[name] = cls(
                packed,
                frame,
                count,
                distinct,
                has_nulls,
                codes,
                length_width,
                Facts.from_json(facts),
            )
            frame += 2 if told else 1
        return columns

    @classmethod
    def of_values(cls, packed: Packed, rows: Sequence[str | None]) -> StoredColumn:
        """Return a column of few rows, which is no more than a list."""
        values = [value for value in rows if value is not None]
        has_nulls = len(values) < len(rows)
        codes = None
        if has_nulls:
            present = np.array([value is not None for value in rows])
            places = np.where(present, np.cumsum(present) - 1, len(values))
            codes = PlainCodes(places.astype(np.uint32))
        column = cls(packed, -1, len(rows), len(values), has_nulls, codes, 0, Facts())
        column.values = pa.array(values, pa.large_string())
        return column

    @made_once
    def values(self) -> pa.LargeStringArray:
        frame = self.packed.frame(self.first_frame)
        lengths: Any = from_planes(frame, self.length_width, self.distinct)
        if not self.length_width:
            lengths = np.full(self.distinct, self.facts.longest)
        bounds = np.zeros(self.distinct + 1, np.int64)
        np.cumsum(lengths, out=bounds[1:])
        data = frame.slice(self.length_width * self.distinct)
        buffers = [None, pa.py_buffer(bounds), data]
        return pa.Array.from_buffers(pa.large_string(), self.distinct, buffers)

    @property
    def cost(self) -> int:
        """How many bytes are searched, and maybe unpacked before."""
        return 0 if self.first_frame < 0 else self.packed.size(self.first_frame)

    @property
    def unpacked_size(self) -> int:
        """How many bytes values, their bounds and codes take."""
        if self.first_frame < 0:
            return int(self.values.nbytes)
        codes = 0 if self.codes is None else self.codes.unpacked_size
        return self.cost + 8 * self.distinct + codes

    def array(self, rows: Rows | None = None) -> pa.LargeStringArray:
        """Return the column, or some of its rows."""
        if self.codes is None:
            return self.values if rows is None else self.values.take(pa.array(rows))
        codes = self.codes.all if rows is None else self.codes.at(rows)
        absent = codes == self.distinct if self.has_nulls else None
        return self.values.take(pa.array(codes, mask=absent))

    def is_null(self) -> Bools:
        if self.codes is None or not self.has_nulls:
            return np.zeros(self.count, np.bool_)
        return self.codes.having(np.arange(self.distinct + 1) == self.distinct)

    def never_holds(self, test: Test) -> bool:
        """Whether the index says that the test holds of no row."""
        return self.facts.exclude(test) and not (self.has_nulls and test.of_absent)

    def always_holds(self, test: Test) -> bool:
        """Whether the index says that the test holds of all rows."""
        return self.facts.imply(test) and (not self.has_nulls or test.of_absent)

    def holding(self, test: Test) -> Bools:
        """Return the rows of which the test holds."""
        null_holds = self.has_nulls and test.of_absent
        if self.facts.exclude(test):
            return self.is_null() if null_holds else np.zeros(self.count, np.bool_)
        marks = np.append(_holding(self.values, test), null_holds)
        if self.codes is None:
            return marks[:-1]
        return self.codes.having(marks)

    def are_few(self, rows: int) -> bool:
        """Whether so many rows are searched sooner by themselves."""
        return rows * VALUES_A_ROW <= self.distinct

    def holding_among(self, test: Test, rows: Rows) -> Bools:
        """Return of which of some rows the test holds."""
        values = self.array(rows)
        found = _holding(pc.fill_null(values, ""), test)
        if values.null_count:
            found = np.where(values.is_null(), test.of_absent, found)
        return found


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
