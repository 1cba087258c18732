"""All wanted lines in order of time, and how many there are in each window."""

from __future__ import annotations

import heapq
from collections.abc import Generator, Sequence
from contextlib import closing

import numpy as np
import pyarrow.compute as pc

from monitoring.store.blocks import Int64s
from monitoring.store.interface import LogRun, LogScan
from monitoring.store.log_sources import blocks_in_order, blocks_to_count
from monitoring.store.logs import StoredBlock, checked, rows_to_count, wanted_lines
from monitoring.store.parallel import in_parallel
from monitoring.telemetry import FIELD_PREFIX


def scan_logs(
    scan: LogScan, *, newest_first: bool, fields: Sequence[str] | None
) -> Generator[LogRun, None, None]:
    """Yield all wanted lines, run by run, by the first (or last) line of each.

    `fields` names those that are read; None stands for all.
    """
    held: list[tuple[int, int, LogRun]] = []
    with closing(blocks_in_order(scan, newest_first=newest_first)) as found:
        blocks = checked(found, scan)
        for number, (block, runs) in enumerate(
            in_parallel(lambda block: (block, _runs(block, scan, fields)), blocks)
        ):
            # What comes behind this block begins behind it: so much is in order.
            reached = -block.max_ts if newest_first else block.min_ts
            while held and held[0][0] <= reached:
                yield heapq.heappop(held)[2]
            for run in runs:
                first = -int(run.ts_ns[-1]) if newest_first else int(run.ts_ns[0])
                heapq.heappush(held, (first, number, run))
    while held:
        yield heapq.heappop(held)[2]


def _runs(
    block: StoredBlock, scan: LogScan, fields: Sequence[str] | None
) -> list[LogRun]:
    """Return the wanted lines of a block; first those are found, then they are read."""
    names = None if fields is None else ["line", *(FIELD_PREFIX + f for f in fields)]
    lines, stored = block.open()
    chosen, found = wanted_lines(block, lines, stored, scan)
    if not len(chosen):
        return []
    rows = None if len(chosen) == len(lines) else chosen
    text = stored.table(names, rows, found)
    columns = {name: text.column(name).combine_chunks() for name in text.column_names}
    return [
        LogRun(
            block.stream_id,
            lines.ts_ns[chosen],
            lines.levels[chosen],
            columns.pop("line"),
            {name.removeprefix(FIELD_PREFIX): c for name, c in columns.items()},
        )
    ]


def count_windows(
    scan: LogScan, starts_ns: Int64s, ends_ns: Int64s, *, of_bytes: bool
) -> dict[int, Int64s]:
    """Return the lines, or their bytes, of each stream in each of the windows."""
    borders = np.unique(np.concatenate([starts_ns, ends_ns]))
    totals: dict[int, Int64s] = {}

    def tally(block: StoredBlock) -> tuple[int, slice, Int64s]:
        return block.stream_id, *_tally(block, scan, (starts_ns, ends_ns), of_bytes)

    with closing(blocks_to_count(scan, borders, of_bytes=of_bytes)) as found:
        blocks = checked(found, scan)
        for stream_id, windows, counts in in_parallel(tally, blocks):
            total = totals.setdefault(stream_id, np.zeros(len(starts_ns), np.int64))
            total[windows] += counts
    return totals


def _tally(
    block: StoredBlock,
    scan: LogScan,
    windows: tuple[Int64s, Int64s],
    of_bytes: bool,  # noqa: FBT001 - private
) -> tuple[slice, Int64s]:
    """Return which of the windows a block touches, and what it adds to each."""
    starts, ends = windows
    touched = slice(
        int(np.searchsorted(ends, block.min_ts, "right")),
        int(np.searchsorted(starts, block.max_ts, "right")),
    )
    starts, ends = starts[touched], ends[touched]
    if block.payload is None:
        whole = block.size if of_bytes else sum(block.level_counts)
        return touched, np.full(len(starts), whole, np.int64)
    if not of_bytes:
        lines, chosen = rows_to_count(block, scan)
        ts_ns = lines.ts_ns[chosen]
        found = np.searchsorted(ts_ns, ends) - np.searchsorted(ts_ns, starts)
        return touched, found.astype(np.int64)
    lines, stored = block.open()
    chosen, text = wanted_lines(block, lines, stored, scan)
    sizes = pc.binary_length(stored.lines(chosen) if text is None else text).to_numpy()
    sums = np.append(0, np.cumsum(sizes))
    ts_ns = lines.ts_ns[chosen]
    return touched, sums[np.searchsorted(ts_ns, ends)] - sums[
        np.searchsorted(ts_ns, starts)
    ]
