"""Made-up metrics, the same for every system that is measured.

Two sets: many series for the last hours, as a dashboard of a fleet reads them, and
fewer for a whole day. Counters grow by whole numbers, most gauges have two decimals,
some have all digits: what exporters send.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cramjam
import numpy as np
import numpy.typing as npt

from monitoring.labels import Labels, make_labels

INTERVAL_MS = 15_000
# Scrapes fall between the steps of queries: Prometheus 2 counts a sample on the very
# edge of a window, Prometheus 3 does not.
OFFSET_MS = 7_123
JOBS, INSTANCES = 10, 50


@dataclass(frozen=True, slots=True)
class Data:
    """Series by samples, all series at the same times."""

    series: tuple[Labels, ...]
    ts_ms: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]

    @property
    def count(self) -> int:
        return self.values.size

    def columns(self, start: int, end: int) -> Data:
        return Data(self.series, self.ts_ms[start:end], self.values[:, start:end])


def generate(
    names: Sequence[str], jobs: int, *, start_ms: int, end_ms: int, seed: int
) -> Data:
    """Return a counter for every name that ends in _total, and gauges."""
    chance = np.random.default_rng(seed)
    ts_ms = np.arange(start_ms + OFFSET_MS, end_ms, INTERVAL_MS, dtype=np.int64)
    series, rows = [], []
    for name in names:
        for job in range(jobs):
            shape = (INSTANCES, len(ts_ms))
            if name.endswith("_total"):
                grown = np.cumsum(chance.poisson(40 + 10 * job, shape), axis=1)
                # Far from zero, where Prometheus 2 and 3 would extrapolate alike.
                found = 1_000_000 + grown
            else:
                found = 50 + np.cumsum(chance.normal(0, 1, shape), axis=1)
                found = found if name.endswith("_exact") else found.round(2)
            rows.append(found.astype(np.float64))
            series += [
                make_labels(
                    {
                        "__name__": name,
                        "job": f"job-{job}",
                        "instance": f"host-{job}-{n}:9100",
                        "zone": f"zone-{n % 3}",
                        # Without it, rate() of several metrics at once is an error.
                        "kind": name,
                    }
                )
                for n in range(INSTANCES)
            ]
    return Data(tuple(series), ts_ms, np.concatenate(rows))


def write_requests(data: Data, samples_each: int) -> Iterator[bytes]:
    """Yield remote-write 1.0 bodies with so many neighbouring samples a series."""
    labels = [_labels(one) for one in data.series]
    for first in range(0, len(data.ts_ms), samples_each):
        part = data.columns(first, first + samples_each)
        encoded = _samples(part)
        body = b"".join(
            _field(1, known + row.tobytes())
            for known, row in zip(labels, encoded, strict=True)
        )
        yield bytes(cramjam.snappy.compress_raw(body))


def _samples(data: Data) -> npt.NDArray[np.uint8]:
    """Return the encoded samples of each series as a row of bytes.

    A time of our day takes six bytes as a varint, so that all samples have one size.
    """
    rows = np.zeros((len(data.series), len(data.ts_ms), 18), np.uint8)
    rows[:, :, 0:3] = (0x12, 16, 0x09)
    rows[:, :, 3:11] = (
        np.ascontiguousarray(data.values).view(np.uint8).reshape(*data.values.shape, 8)
    )
    rows[:, :, 11] = 0x10
    for byte in range(6):
        rest = (data.ts_ms >> (7 * byte)) & 0x7F
        rows[:, :, 12 + byte] = rest | (0x80 if byte < 5 else 0)
    return rows.reshape(len(data.series), -1)


def _labels(labels: Labels) -> bytes:
    return b"".join(
        _field(1, _field(1, name.encode()) + _field(2, value.encode()))
        for name, value in labels
    )


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    out = []
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return struct.pack(f"{len(out) + 1}B", *out, number)
