"""Numbers and bytes as compressed frames behind an index that says what they are. Pure.

A reader takes the index and unpacks the frames that it needs, one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

Int64s = npt.NDArray[np.int64]

# The first byte of what is packed: another way of packing has another one.
VERSION = 1
# How many bytes say how long an index, or a head, is.
LENGTH = 4
# A frame smaller than this is kept as it is.
MIN_PACKED = 64
# Level 3 costs what 1 does where most columns are dictionaries; 9 saves 6 % of a block
# and takes 20 ms more for 65,536 lines: merging pays it, appending does not.
QUICK = pa.Codec("zstd", compression_level=3)
SMALL = pa.Codec("zstd", compression_level=9)
# A longer index is packed itself.
LONG_INDEX = 512
# Times are often whole seconds, milliseconds or microseconds.
_UNITS = (10**9, 10**6, 10**3)
_FEW = 64
_PREFIX = 1 + 2 * LENGTH
_KINDS = [np.dtype(f"u{size}") for size in (1, 2, 4, 8)]


# What is unpacked together; each part is packed by itself, for bytes of one kind have
# more in common. The codec None leaves it as it is.
Frame = tuple[Sequence[bytes], pa.Codec | None]


def pack(meta: Any, frames: Sequence[Frame]) -> bytes:
    """Return `meta`, which JSON must be able to say, and the frames.

    The index, `meta` with the sizes of the frames, is packed too where it is long.
    """
    packed = [_packed(*frame) for frame in frames]
    sizes = [
        [len(kept), sum(map(len, parts))]
        for kept, (parts, _) in zip(packed, frames, strict=True)
    ]
    index = orjson.dumps([meta, sizes])
    is_long = bool(frames) and len(index) > LONG_INDEX
    kept = _packed([index], QUICK if is_long else None)
    lengths = [len(n).to_bytes(LENGTH, "big") for n in (kept, index)]
    return b"".join([bytes([VERSION]), *lengths, kept, *packed])


def _packed(parts: Sequence[bytes], codec: pa.Codec | None) -> bytes:
    raw = b"".join(parts)
    if codec is None or len(raw) < MIN_PACKED:
        return raw
    # zstd reads what was packed in several goes in one.
    packed = b"".join(codec.compress(part, asbytes=True) for part in parts if part)
    return packed if len(packed) < len(raw) else raw


@dataclass(frozen=True, slots=True)
class Packed:
    """What `pack` has written; `frame` unpacks one frame."""

    meta: Any
    buffer: pa.Buffer
    places: Sequence[tuple[int, int, int]]

    @classmethod
    def open(cls, payload: Any) -> Packed:
        """Raises ValueError where it was packed in a way that is not known here."""
        buffer = pa.py_buffer(payload)
        view = memoryview(buffer)
        if view[0] != VERSION:
            raise ValueError(f"packed as version {view[0]}, not {VERSION}")
        kept = int.from_bytes(view[1 : 1 + LENGTH], "big")
        length = int.from_bytes(view[1 + LENGTH : _PREFIX], "big")
        index = _unpacked(buffer.slice(_PREFIX, kept), length)
        meta, sizes = orjson.loads(memoryview(index))
        at = _PREFIX + kept
        places = []
        for kept, raw in sizes:
            places.append((at, kept, raw))
            at += kept
        return cls(meta, buffer, places)

    def frame(self, number: int) -> pa.Buffer:
        at, kept, raw = self.places[number]
        return _unpacked(self.buffer.slice(at, kept), raw)

    def size(self, number: int) -> int:
        """Return how many bytes the frame unpacks to."""
        return self.places[number][2]


def _unpacked(kept: pa.Buffer, size: int) -> pa.Buffer:
    return kept if kept.size == size else QUICK.decompress(kept, size)


def pack_numbers(numbers: Int64s) -> tuple[list[int], bytes]:
    """Return what `unpack_numbers` must be told, and the differences as bytes."""
    if not len(numbers):
        return [0, 0, 1], b""
    steps = np.diff(numbers)
    unit = next((u for u in _UNITS if _are_whole(steps, u)), 1)
    if unit > 1:
        steps = steps // unit
    folded = ((steps << 1) ^ (steps >> 63)).view(np.uint64)
    width = -(-int(folded.max(initial=0)).bit_length() // 8)
    return [int(numbers[0]), width, unit], planes(folded, width)


def _are_whole(steps: Int64s, unit: int) -> bool:
    return not (steps[:_FEW] % unit).any() and not (steps % unit).any()


def unpack_numbers(told: Sequence[int], frame: pa.Buffer, count: int) -> Int64s:
    if not count:
        return np.empty(0, np.int64)
    first, width, unit = told
    folded = from_planes(frame, width, count - 1)
    signed = np.dtype(f"i{folded.itemsize}")
    numbers = np.empty(count, np.int64)
    numbers[0] = first
    steps = (folded >> 1).view(signed) ^ -(folded & 1).view(signed)
    np.multiply(steps, unit, out=numbers[1:], dtype=np.int64)
    return np.cumsum(numbers, out=numbers)


def planes(numbers: npt.NDArray[np.unsignedinteger[Any]], width: int) -> bytes:
    """Return the lowest bytes of all numbers, then the next ones, `width` times.

    What the upper bytes have in common is packed by itself.
    """
    size = numbers.dtype.itemsize
    return numbers.view(np.uint8).reshape(-1, size).T[:width].tobytes()


def from_planes(frame: Any, width: int, count: int) -> npt.NDArray[Any]:
    """Return the numbers in the narrowest type of 1, 2, 4 or 8 bytes that has them."""
    rows = np.frombuffer(frame, np.uint8, width * count).reshape(width, count)
    kind = next(kind for kind in _KINDS if kind.itemsize >= width)
    numbers: npt.NDArray[Any] = np.zeros(count, kind)
    for row in rows[::-1]:
        numbers <<= 8
        numbers |= row
    return numbers
