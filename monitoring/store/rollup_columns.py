"""Roll-ups: what the samples of a bucket come to, in a row of ten numbers. Pure.

A bucket is left-open, `end - step < ts <= end`, as PromQL's windows are; so a window
whose borders are multiples of the step is a whole number of buckets, and its minimum,
its number of samples and its counter's growth are exactly those of the samples.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitoring.store.blocks import Int64s, Samples
from monitoring.telemetry import STALE_NAN_BITS

STEPS_MS = (60_000, 300_000, 3_600_000)

Floats = npt.NDArray[np.float64]

_ZSTD = pa.ipc.IpcWriteOptions(compression="zstd")

# What each column needs beside itself to be decoded.
_NEEDS = {"min": "first", "max": "last"}
ALL_COLUMNS = (
    "count",
    "first_ts",
    "first",
    "last_ts",
    "last",
    "min",
    "max",
    "sum",
    "lost",
    "ended_ts",
)


@dataclass(frozen=True, slots=True)
class Rolled:
    """Buckets sorted by series (ids) and end, with the columns that were asked for.

    `count` is of samples without stale markers; where it is 0, the others mean nothing.
    `lost` is what a counter had reached before each reset inside the bucket, summed.
    `ended_ts` is the time of a stale marker that is the bucket's newest sample, or 0.
    """

    series: Int64s
    ends_ms: Int64s
    columns: dict[str, npt.NDArray[Any]]

    def __len__(self) -> int:
        return len(self.series)

    def take(self, chosen: npt.NDArray[Any] | slice) -> Rolled:
        columns = {name: column[chosen] for name, column in self.columns.items()}
        return Rolled(self.series[chosen], self.ends_ms[chosen], columns)


def roll(samples: Samples, step_ms: int) -> Rolled:
    """Return the buckets of samples that are sorted and without doubles."""
    ends = -(-samples.ts_ms // step_ms) * step_ms
    starts = _starts(samples.series, ends)
    stale = samples.values.view(np.uint64) == np.uint64(STALE_NAN_BITS)
    newest = np.append(starts[1:], len(samples)) - 1
    columns: dict[str, npt.NDArray[Any]] = {
        name: np.zeros(len(starts), np.int64 if _is_whole(name) else np.float64)
        for name in ALL_COLUMNS
    }
    if len(samples):
        columns["ended_ts"] = np.where(stale[newest], samples.ts_ms[newest], 0)
        alive = samples.take(~stale) if stale.any() else samples
        _reduce(alive, ends[~stale], columns, _bucket_of(starts, len(samples))[~stale])
    return Rolled(samples.series[starts], ends[starts], columns)


def _starts(series: Int64s, ends: Int64s) -> Int64s:
    new = np.ones(len(series), np.bool_)
    new[1:] = (series[1:] != series[:-1]) | (ends[1:] != ends[:-1])
    return np.flatnonzero(new)


def _bucket_of(starts: Int64s, count: int) -> Int64s:
    return np.repeat(np.arange(len(starts)), np.diff(starts, append=count))


def _is_whole(name: str) -> bool:
    return name == "count" or name.endswith("_ts")


def _reduce(
    alive: Samples,
    ends: Int64s,
    columns: dict[str, npt.NDArray[Any]],
    bucket: Int64s,
) -> None:
    """Fill in the rows of the buckets that have samples."""
    if len(alive) == 0:
        return
    starts = _starts(alive.series, ends)
    rows = bucket[starts]
    last = np.append(starts[1:], len(alive)) - 1
    values = alive.values
    columns["count"][rows] = last - starts + 1
    columns["first_ts"][rows] = alive.ts_ms[starts]
    columns["first"][rows] = values[starts]
    columns["last_ts"][rows] = alive.ts_ms[last]
    columns["last"][rows] = values[last]
    columns["min"][rows] = np.fmin.reduceat(values, starts)
    columns["max"][rows] = np.fmax.reduceat(values, starts)
    with np.errstate(all="ignore"):
        total = np.add.reduceat(values.astype(np.longdouble), starts)
        columns["sum"][rows] = total.astype(np.float64)
    lost = np.zeros(len(values))
    dropped = np.flatnonzero(values[1:] < values[:-1]) + 1
    lost[dropped] = values[dropped - 1]
    lost[starts] = 0.0
    columns["lost"][rows] = np.add.reduceat(lost, starts)


def encode_rolled(rolled: Rolled, step_ms: int) -> bytes:
    """Return a payload; whatever mostly repeats itself is stored as its difference."""
    of = rolled.columns
    ends = rolled.ends_ms
    arrays = {
        "series": np.diff(rolled.series, prepend=np.int64(0)),
        "end": np.diff(ends // step_ms, prepend=np.int64(0)),
        "count": of["count"].astype(np.int32),
        "first_ts": np.where(of["count"] > 0, ends - of["first_ts"], 0).astype(
            np.int32
        ),
        "last_ts": np.where(of["count"] > 0, ends - of["last_ts"], 0).astype(np.int32),
        "first": of["first"],
        "last": of["last"],
        # A counter's least value is its first, and its greatest is its last.
        "min": _bits(of["min"]) ^ _bits(of["first"]),
        "max": _bits(of["max"]) ^ _bits(of["last"]),
        "sum": of["sum"],
        "lost": of["lost"],
        "ended_ts": np.where(of["ended_ts"] > 0, ends - of["ended_ts"] + 1, 0),
    }
    batch = pa.record_batch({name: pa.array(a) for name, a in arrays.items()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=_ZSTD) as writer:
        writer.write_batch(batch)
    payload: bytes = sink.getvalue().to_pybytes()
    return payload


def decode_rolled(
    payload: bytes, step_ms: int, wanted: Collection[str] = ALL_COLUMNS
) -> Rolled:
    """Return the buckets with the wanted columns."""
    needed = {"series", "end", *wanted, *(_NEEDS[n] for n in wanted if n in _NEEDS)}
    buffer = pa.py_buffer(payload)
    names = pa.ipc.open_stream(buffer).schema.names
    chosen = [place for place, name in enumerate(names) if name in needed]
    options = pa.ipc.IpcReadOptions(included_fields=chosen)
    table = pa.ipc.open_stream(buffer, options=options).read_all()
    raw = {name: table.column(name).to_numpy() for name in table.column_names}
    ends = np.cumsum(raw["end"]) * step_ms
    columns = {name: _decoded(name, raw, ends) for name in wanted}
    return Rolled(np.cumsum(raw["series"]), ends, columns)


def _decoded(
    name: str, raw: dict[str, npt.NDArray[Any]], ends: Int64s
) -> npt.NDArray[Any]:
    column = raw[name]
    if name in _NEEDS:
        found: npt.NDArray[Any] = (column ^ _bits(raw[_NEEDS[name]])).view(np.float64)
        return found
    if name == "ended_ts":
        return np.where(column > 0, ends - column + 1, 0)
    return ends - column if name.endswith("_ts") else column


def _bits(values: Floats) -> Int64s:
    return np.ascontiguousarray(values).view(np.int64)


def join(runs: Sequence[Rolled], wanted: Sequence[str]) -> Rolled:
    """Return one run, sorted by series and end; no bucket stands in two of them."""
    series = np.concatenate([np.empty(0, np.int64), *(run.series for run in runs)])
    ends = np.concatenate([np.empty(0, np.int64), *(run.ends_ms for run in runs)])
    columns = {
        name: np.concatenate(
            [run.columns[name] for run in runs] or [np.empty(0, np.float64)]
        )
        for name in wanted
    }
    order = np.lexsort((ends, series))
    return Rolled(series, ends, columns).take(order)
