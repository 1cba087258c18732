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

# How many bytes say how long an index, or a head, is.
LENGTH = 4
# A frame smaller than this is kept as it is.
MIN_PACKED = 64
# Level 3 costs what 1 does where most columns are dictionaries; 9 saves 6 % of a block
# and takes 20 ms more for 65,536 lines: merging pays it, appending does not.
QUICK = pa.Codec("zstd", compression_level=3)
SMALL = pa.Codec("zstd", compression_level=9)
# Times are often whole seconds, milliseconds or microseconds.
_UNITS = (10**9, 10**6, 10**3)
_FEW = 64


def pack(meta: Any, frames: Sequence[tuple[bytes, pa.Codec | None]]) -> bytes:
    """Return `meta`, which JSON must be able to say, and frames, each packed by its codec."""
    packed = [_packed(raw, codec) for raw, codec in frames]
    sizes = [
        [len(kept), len(raw)] for kept, (raw, _) in zip(packed, frames, strict=True)
    ]
    index = orjson.dumps([meta, sizes])
    return b"".join([len(index).to_bytes(LENGTH, "big"), index, *packed])


def _packed(raw: bytes, codec: pa.Codec | None) -> bytes:
    if codec is None or len(raw) < MIN_PACKED:
        return raw
    packed: bytes = codec.compress(raw, asbytes=True)
    return packed if len(packed) < len(raw) else raw


@dataclass(frozen=True, slots=True)
class Packed:
    """What `pack` has written; `frame` unpacks one frame."""

    meta: Any
    buffer: pa.Buffer
    places: Sequence[tuple[int, int, int]]

    @classmethod
    def open(cls, payload: Any) -> Packed:
        buffer = pa.py_buffer(payload)
        at = LENGTH + int.from_bytes(buffer.slice(0, LENGTH).to_pybytes(), "big")
        index = buffer.slice(LENGTH, at - LENGTH)
        meta, sizes = orjson.loads(memoryview(index))
        places = []
        for kept, raw in sizes:
            places.append((at, kept, raw))
            at += kept
        return cls(meta, buffer, places)

    def frame(self, number: int) -> pa.Buffer:
        at, kept, raw = self.places[number]
        packed = self.buffer.slice(at, kept)
        return packed if kept == raw else QUICK.decompress(packed, raw)

    def size(self, number: int) -> int:
        """Return how many bytes the frame unpacks to."""
        return self.places[number][2]


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
    folded = from_planes(frame, width, count - 1, np.uint64)
    numbers = np.empty(count, np.int64)
    numbers[0] = first
    steps = (folded >> np.uint64(1)).view(np.int64) ^ -(folded & np.uint64(1)).view(
        np.int64
    )
    np.multiply(steps, unit, out=numbers[1:])
    return np.cumsum(numbers, out=numbers)


def planes(numbers: npt.NDArray[np.unsignedinteger[Any]], width: int) -> bytes:
    """Return the lowest bytes of all numbers, then the next ones, `width` times.

    What the upper bytes have in common is packed by itself.
    """
    size = numbers.dtype.itemsize
    return numbers.view(np.uint8).reshape(-1, size).T[:width].tobytes()


def from_planes(
    frame: Any, width: int, count: int, kind: type[np.unsignedinteger[Any]]
) -> npt.NDArray[Any]:
    size = np.dtype(kind).itemsize
    found = np.zeros((count, size), np.uint8)
    written = np.frombuffer(frame, np.uint8, width * count).reshape(width, count)
    for place in range(width):
        found[:, place] = written[place]
    return found.view(kind).reshape(-1)
