"""What is to be deleted is hidden at once: tombstones, applied by every read.

A tombstone names series or streams, a time, and a `marker` in the order in which
blocks are appended. What is appended later is not hidden, so nothing older and younger
than the marker may be merged until the blocks are rewritten: `frozen` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from monitoring.store.blocks import Int64s, LogLines, Samples
from monitoring.store.connection import fetch

Bools = npt.NDArray[np.bool_]

METRICS, LOGS = "metrics", "logs"
NS_IN_MS = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Tombstone:
    """`ids` are sorted; times are inclusive, in milliseconds for samples.

    `marker` is None where all blocks are meant; `age` is that of the youngest archive
    file which is.
    """

    ids: Int64s
    start: int
    end: int
    marker: int | None = None
    age: int | None = None

    def covers_block(self, appended: int) -> bool:
        return self.marker is None or appended <= self.marker

    def covers_file(self, age: int) -> bool:
        return self.age is None or age <= self.age

    def has(self, stream_id: int) -> bool:
        place = int(np.searchsorted(self.ids, stream_id))
        return place < len(self.ids) and int(self.ids[place]) == stream_id

    def doomed(self, ids: Int64s, times: Int64s) -> Bools:
        """Return which records, of these series or streams and times, are meant."""
        return is_among(ids, self.ids) & (times >= self.start) & (times <= self.end)


def is_among(ids: Int64s, wanted: Int64s) -> Bools:
    """Return which ids are among the wanted ones, which are sorted."""
    if len(wanted) == 0:
        return np.zeros(len(ids), np.bool_)
    place = np.searchsorted(wanted, ids)
    place[place == len(wanted)] = 0
    found: Bools = wanted[place] == ids
    return found


# The condition of a row that hides something, and what it is asked for.
PENDING = (
    "organization_id = %(organization)s AND signal = %(signal)s"
    " AND status IN ('pending', 'running')"
    " AND start_ns <= %(end_ns)s AND end_ns >= %(start_ns)s"
)


def reach_of_pending(
    organization_id: int, signal: str, start: int, end: int
) -> dict[str, Any]:
    unit = unit_of(signal)
    return {
        "organization": organization_id,
        "signal": signal,
        "start_ns": start * unit,
        "end_ns": min(end * unit + unit - 1, 2**63 - 1),
    }


def pending(organization_id: int, signal: str, start: int, end: int) -> list[Tombstone]:
    """Return what is to be hidden in a range of time, inclusive, in the signal's unit."""
    rows = fetch(
        "SELECT ids, start_ns, end_ns, CASE WHEN blocks_erased THEN -1 ELSE marker END,"  # noqa: S608 - constants
        f" age FROM monitoring_deleterequest WHERE {PENDING}",
        reach_of_pending(organization_id, signal, start, end),
    )
    return [
        tombstone_of(signal, ids, first, last, marker=marker, age=age)
        for ids, first, last, marker, age in rows
    ]


def unit_of(signal: str) -> int:
    """Return the nanoseconds in the signal's unit of time."""
    return NS_IN_MS if signal == METRICS else 1


def tombstone_of(
    signal: str,
    ids: Sequence[int],
    start_ns: int,
    end_ns: int,
    *,
    marker: int | None,
    age: int | None,
) -> Tombstone:
    """From the first millisecond not before the start to the last not behind the end."""
    unit = unit_of(signal)
    known = np.array(sorted(ids), np.int64)
    return Tombstone(known, -(-start_ns // unit), end_ns // unit, marker, age)


def frozen(organization_id: int) -> bool:
    """Whether blocks of the organization must stay as they are for now."""
    ((found,),) = fetch(
        "SELECT EXISTS (SELECT FROM monitoring_deleterequest WHERE organization_id = %s"
        " AND status IN ('pending', 'running') AND NOT blocks_erased)",
        [organization_id],
    )
    return bool(found)


def visible_samples(run: Samples, tombstones: Sequence[Tombstone]) -> Samples:
    """Return the run without what the tombstones hide."""
    for tombstone in tombstones:
        hidden = tombstone.doomed(run.series, run.ts_ms)
        if hidden.any():
            run = run.take(~hidden)
    return run


def visible_lines(
    lines: LogLines, stream_id: int, tombstones: Sequence[Tombstone]
) -> LogLines:
    for tombstone in tombstones:
        streams = np.full(len(lines), stream_id, np.int64)
        hidden = tombstone.doomed(streams, lines.ts_ns)
        if hidden.any():
            lines = lines.take(np.flatnonzero(~hidden))
    return lines
