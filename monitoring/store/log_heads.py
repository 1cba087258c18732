"""The head of a log payload: when each line was, how bad, and when it arrived. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitoring.store.laziness import made_once
from monitoring.store.packing import (
    Int64s,
    Packed,
    pack,
    pack_numbers,
    unpack_numbers,
)

_TIMES, _LEVELS, _ORIGINS, _ROWS = range(4)


class _Lines(Protocol):
    @property
    def ts_ns(self) -> Int64s: ...
    @property
    def levels(self) -> npt.NDArray[np.int8]: ...
    @property
    def origin(self) -> Int64s: ...
    @property
    def row(self) -> Int64s: ...


def encode_head(lines: _Lines, codec: pa.Codec | None, *, keep_origin: bool) -> bytes:
    """Return times and levels, and with `keep_origin` where the lines stood at first."""
    numbers = [lines.ts_ns, *([lines.origin, lines.row] if keep_origin else [])]
    packed = [pack_numbers(column) for column in numbers]
    told = [told for told, _ in packed]
    frames = [([frame], codec) for _, frame in packed]
    frames.insert(_LEVELS, ([lines.levels.tobytes()], codec))
    return pack([len(lines.ts_ns), *told], frames)


@dataclass
class LogHead:
    """Each column is unpacked when it is asked for."""

    packed: Packed
    block_id: int

    @classmethod
    def decode(cls, payload: Any, block_id: int) -> LogHead:
        return cls(Packed.open(payload), block_id)

    def __len__(self) -> int:
        return int(self.packed.meta[0])

    @property
    def unpacked_size(self) -> int:
        """How many bytes times and levels take; places are seldom asked for."""
        return 9 * len(self)

    @made_once
    def ts_ns(self) -> Int64s:
        return self._numbers(_TIMES, 1)

    @made_once
    def levels(self) -> npt.NDArray[np.int8]:
        return np.frombuffer(self.packed.frame(_LEVELS), np.int8)

    @made_once
    def origin(self) -> Int64s:
        """The block that each line was appended with: this one, if none is named."""
        if not self._keeps_origin:
            return np.full(len(self), self.block_id, np.int64)
        return self._numbers(_ORIGINS, 2)

    @made_once
    def row(self) -> Int64s:
        if not self._keeps_origin:
            return np.arange(len(self), dtype=np.int64)
        return self._numbers(_ROWS, 3)

    @property
    def _keeps_origin(self) -> bool:
        return len(self.packed.places) > _ORIGINS

    def _numbers(self, frame: int, told: int) -> Int64s:
        return unpack_numbers(
            self.packed.meta[told], self.packed.frame(frame), len(self)
        )
