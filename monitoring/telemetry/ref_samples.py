"""Samples that name their series by a reference, as those of Prometheus's log do.

A series that is registered has a number: what comes for it need not carry its labels
through the inbox, where they would be nine tenths of the bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import cramjam
import numpy as np
import numpy.typing as npt

from monitoring.telemetry.encoding import CorruptBatchError
from monitoring.telemetry.samples import SampleBatch

# What an encoded batch begins with, and how many samples follow; a stream of Arrow's
# begins with other bytes.
_HEAD = struct.Struct("<4sI")
_MAGIC = b"REF1"
_COLUMNS = 3
# No byte of lz4's says more: memory is not taken for whatever a head may claim.
_MOST_UNPACKED = 255
# A reference is the metric's id and the series' in one number.
_BITS = 32
_MOST_METRICS = 1 << 31
_MOST_SERIES = 1 << _BITS


def make_ref(series_id: int, metric_id: int) -> int | None:
    """Return the positive reference to a series, or None where ids have grown too large."""
    if not (0 < series_id < _MOST_SERIES and 0 < metric_id < _MOST_METRICS):
        return None
    return metric_id << _BITS | series_id


@dataclass(frozen=True, slots=True)
class RefSamples:
    """Samples of registered series, in arrival order.

    Columns of one length: `refs` (int64, see `make_ref`), `ts_ms` (int64, since the
    epoch) and `values` (float64, any bits).
    """

    refs: npt.NDArray[np.int64]
    ts_ms: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]

    @property
    def count(self) -> int:
        return len(self.values)

    @property
    def series(self) -> npt.NDArray[np.int64]:
        """The id of each sample's series."""
        return self.refs & (_MOST_SERIES - 1)

    @property
    def metrics(self) -> npt.NDArray[np.int64]:
        """The id of each sample's metric."""
        return self.refs >> _BITS

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        return cls(
            np.concatenate([part.refs for part in parts]),
            np.concatenate([part.ts_ms for part in parts]),
            np.concatenate([part.values for part in parts]),
        )

    def encode(self) -> bytes:
        """Return the columns compressed with lz4, references and times as differences."""
        columns = np.empty((_COLUMNS, self.count), np.int64)
        for column, numbers in zip(columns, (self.refs, self.ts_ms), strict=False):
            column[:1] = numbers[:1]
            np.subtract(numbers[1:], numbers[:-1], out=column[1:])
        columns[2] = self.values.view(np.int64)
        packed = cramjam.lz4.compress_block(columns.data, store_size=False)
        return _HEAD.pack(_MAGIC, self.count) + bytes(packed)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Raises CorruptBatchError."""
        refs, ts_ms, values = _unpacked(payload)
        return cls(np.cumsum(refs), np.cumsum(ts_ms), values.view(np.float64))


def decode_samples(payload: bytes) -> SampleBatch | RefSamples:
    """Return whichever of the two was encoded. Raises CorruptBatchError."""
    if payload.startswith(_MAGIC):
        return RefSamples.decode(payload)
    return SampleBatch.decode(payload)


def _unpacked(payload: bytes) -> npt.NDArray[np.int64]:
    try:
        _, count = _HEAD.unpack_from(payload)
        packed = memoryview(payload)[_HEAD.size :]
        if _COLUMNS * 8 * count > _MOST_UNPACKED * len(packed):
            raise CorruptBatchError("not a batch of samples: cut off")
        columns = np.empty((_COLUMNS, count), np.int64)
        size = cramjam.lz4.decompress_block_into(
            packed, columns.data, output_len=columns.nbytes
        )
    except (struct.error, cramjam.DecompressionError) as error:
        raise CorruptBatchError(f"not a batch of samples: {error}") from error
    if size != columns.nbytes:
        raise CorruptBatchError(f"not a batch of samples: {size} bytes of them")
    return columns
