"""Which of a column's distinct values each row has, as packed numbers. Pure.

Values are numbered in the order in which they come first; null has the number behind
the last. Few values take some bits a row. Where many values come once only, a bit says
that a row has the next value that has not been yet, and only what comes again is a
number: a tenth of a block less, and few rows are read without reading all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitoring.store.laziness import made_once
from monitoring.store.packing import Packed, from_planes

Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
Codes = npt.NDArray[np.unsignedinteger[Any]]
Rows = npt.NDArray[np.intp]

_BYTE_BITS = 8
# Fewer rows with a value of their own than one in so many are not told apart.
FIRSTS_AMONG = 8
# So many values are compared with one by one, which is quicker than a look-up.
_FEW = 4


class RowCodes(Protocol):
    """A number for each row."""

    @property
    def all(self) -> Codes: ...

    @property
    def unpacked_size(self) -> int:
        """How many bytes they take once they are unpacked."""
        ...

    def at(self, rows: Rows) -> Codes:
        """Return the numbers of some rows."""
        ...

    def having(self, marked: Bools) -> Bools:
        """Return which rows have a number that is marked."""
        ...


@dataclass(frozen=True, slots=True)
class PlainCodes:
    """Those of few rows, which nobody packs."""

    all: Codes

    @property
    def unpacked_size(self) -> int:
        return int(self.all.nbytes)

    def at(self, rows: Rows) -> Codes:
        return self.all[rows]

    def having(self, marked: Bools) -> Bools:
        return marked[self.all]


def pack_codes(codes: Codes, distinct: int) -> tuple[list[int], list[bytes]]:
    """Return what `unpack_codes` must be told, and the parts of a frame.

    `distinct` stands for null.
    """
    largest = int(codes.max(initial=0))
    for bits in (1, 2, 4, _BYTE_BITS):
        if largest < 1 << bits:
            return [bits, 0], [_joined_bits(codes.astype(np.uint8), bits)]
    parts = []
    with_firsts = distinct * FIRSTS_AMONG > len(codes)
    if with_firsts:
        firsts = _firsts(codes, distinct)
        parts, codes = [np.packbits(firsts).tobytes()], codes[~firsts]
    width = -(-largest.bit_length() // _BYTE_BITS)
    written = codes.astype("<u4").view(np.uint8).reshape(-1, 4)
    parts += [written[:, place].tobytes() for place in range(width)]
    return [_BYTE_BITS * width, int(with_firsts)], parts


def _firsts(codes: Codes, distinct: int) -> Bools:
    """Return which rows have a value that no row before has."""
    reached = np.where(codes == distinct, 0, codes.astype(np.int64) + 1)
    reached = np.maximum.accumulate(reached)
    return np.diff(reached, prepend=0) > 0


def _joined_bits(codes: Bytes, bits: int) -> bytes:
    """Join the codes of neighbouring rows to bytes, the first in the lowest bits."""
    if bits == _BYTE_BITS:
        return codes.tobytes()
    each = _BYTE_BITS // bits
    padded = np.append(codes, np.zeros(-len(codes) % each, np.uint8)).reshape(-1, each)
    joined_bits = padded[:, 0].copy()
    for place in range(1, each):
        joined_bits |= padded[:, place] << np.uint8(place * bits)
    return joined_bits.tobytes()


def unpack_codes(
    told: Sequence[int], packed: Packed, frame: int, count: int, distinct: int
) -> RowCodes:
    """Return the numbers of `count` rows, which the frame has."""
    bits, with_firsts = told
    if bits <= _BYTE_BITS:
        return FewCodes(packed, frame, count, bits)
    width = bits // _BYTE_BITS
    if with_firsts:
        return CodesWithFirsts(packed, frame, count, distinct, width)
    return WideCodes(packed, frame, count, width)


@dataclass
class FewCodes:
    """Numbers of at most eight bits."""

    packed: Packed
    frame: int
    count: int
    bits: int

    @made_once
    def all(self) -> Codes:
        written = np.frombuffer(self.packed.frame(self.frame), np.uint8)
        if self.bits == _BYTE_BITS:
            return written
        each = _BYTE_BITS // self.bits
        codes = np.empty((len(written), each), np.uint8)
        for place in range(each):
            codes[:, place] = written >> np.uint8(place * self.bits)
        codes &= np.uint8((1 << self.bits) - 1)
        return codes.reshape(-1)[: self.count]

    @property
    def unpacked_size(self) -> int:
        return self.count

    def at(self, rows: Rows) -> Codes:
        return self.all[rows]

    def having(self, marked: Bools) -> Bools:
        return _having(self.all, marked)


@dataclass
class WideCodes:
    """Numbers of several bytes."""

    packed: Packed
    frame: int
    count: int
    width: int

    @made_once
    def all(self) -> Codes:
        return from_planes(self.packed.frame(self.frame), self.width, self.count)

    @property
    def unpacked_size(self) -> int:
        return self.count * _itemsize(self.width)

    def at(self, rows: Rows) -> Codes:
        return self.all[rows]

    def having(self, marked: Bools) -> Bools:
        return _having(self.all, marked)


@dataclass
class CodesWithFirsts:
    """Numbers of those rows whose value was there before, and which rows they are."""

    packed: Packed
    frame: int
    count: int
    distinct: int
    width: int

    @made_once
    def _unpacked(self) -> tuple[Bytes, Codes]:
        frame = self.packed.frame(self.frame)
        size = -(-self.count // _BYTE_BITS)
        again = from_planes(frame.slice(size), self.width, self.count - self.distinct)
        return np.frombuffer(frame, np.uint8, size), again

    @property
    def firsts(self) -> Bytes:
        """A bit for each row: its value has the number of such rows before it."""
        return self._unpacked[0]

    @property
    def again(self) -> Codes:
        """The numbers of the other rows."""
        return self._unpacked[1]

    @made_once
    def before(self) -> npt.NDArray[np.int32]:
        """How many rows with a value of their own there are before each eight rows."""
        counts = np.bitwise_count(self.firsts)
        return np.cumsum(counts, dtype=np.int32) - counts

    @property
    def unpacked_size(self) -> int:
        again = (self.count - self.distinct) * _itemsize(self.width)
        return again + (1 + 4) * -(-self.count // _BYTE_BITS)

    @property
    def all(self) -> Codes:
        firsts, others = self._places
        codes = np.empty(self.count, self.again.dtype)
        codes[firsts] = np.arange(self.distinct, dtype=codes.dtype)
        codes[others] = self.again
        return codes

    @property
    def _places(self) -> tuple[Rows, Rows]:
        is_first = np.unpackbits(self.firsts, count=self.count)
        return np.flatnonzero(is_first), np.flatnonzero(is_first == 0)

    def at(self, rows: Rows) -> Codes:
        eight = rows >> 3
        bits = self.firsts[eight].astype(np.intp)
        shift = 7 - (rows & 7)
        rank = self.before[eight] + np.bitwise_count(bits >> (shift + 1))
        is_first = ((bits >> shift) & 1).astype(np.bool_)
        codes: Codes = rank.astype(self.again.dtype)
        others = np.flatnonzero(~is_first)
        codes[others] = self.again[rows[others] - rank[others]]
        return codes

    def having(self, marked: Bools) -> Bools:
        firsts, others = self._places
        found = np.empty(self.count, np.bool_)
        found[firsts] = marked[: self.distinct]
        found[others] = _having(self.again, marked)
        return found


def _itemsize(width: int) -> int:
    """Return the bytes that a number takes in memory."""
    return 1 << (width - 1).bit_length()


def _having(codes: Codes, marked: Bools) -> Bools:
    values = np.flatnonzero(marked)
    if len(values) <= _FEW:
        found = np.zeros(len(codes), np.bool_)
        for value in values.tolist():
            found |= codes == value
        return found
    # Arrow looks up bytes by narrow numbers without making them wide ones.
    marks = pa.array(marked.view(np.uint8))
    return np.asarray(marks.take(pa.array(codes)).to_numpy().view(np.bool_))
