"""Pages, counts and volumes of log lines, out of blocks."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from monitoring.store.blocks import Int64s
from monitoring.store.interface import FoundLine, LogScan, Position
from monitoring.store.log_heads import LogHead
from monitoring.store.log_sources import blocks_in_order, blocks_to_count
from monitoring.store.logs import StoredBlock, checked, rows_to_count, wanted_rows
from monitoring.store.parallel import in_parallel
from monitoring.telemetry import LEVEL_WORDS


@dataclass(frozen=True, slots=True)
class _Hit:
    position: Position
    block: StoredBlock
    index: int


def read_logs(
    scan: LogScan, *, newest_first: bool, after: Position | None, limit: int
) -> list[FoundLine]:
    """Return the first `limit` wanted lines behind `after`, in the asked order."""
    hits_of = partial(
        _hits, scan=scan, newest_first=newest_first, after=after, limit=limit
    )
    best: list[_Hit] = []
    with closing(blocks_in_order(scan, newest_first=newest_first)) as found:
        for fetched in found:
            scan.deadline()
            for hits in in_parallel(hits_of, fetched):
                best += hits
            best.sort(key=lambda hit: hit.position, reverse=newest_first)
            del best[limit:]
            if len(best) == limit and _is_final(
                best[-1], fetched[-1], newest_first=newest_first
            ):
                break
    return _materialize(best)


def _is_final(worst: _Hit, last: StoredBlock, *, newest_first: bool) -> bool:
    """Whether no block behind the last one fetched can have a better line."""
    if newest_first:
        return worst.position.ts_ns > last.max_ts
    return worst.position.ts_ns < last.min_ts


def _hits(
    block: StoredBlock,
    scan: LogScan,
    *,
    newest_first: bool,
    after: Position | None,
    limit: int,
) -> list[_Hit]:
    lines, stored = block.open()
    chosen = wanted_rows(block, lines, stored, scan)
    if after is not None:
        chosen = chosen[
            _is_behind(lines, chosen, block, after, newest_first=newest_first)
        ]
    chosen = chosen[-limit:] if newest_first else chosen[:limit]
    columns = (lines.ts_ns[chosen], lines.origin[chosen], lines.row[chosen], chosen)
    return [
        _Hit(Position(ts_ns, block.stream_id, origin, row), block, index)
        for ts_ns, origin, row, index in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


def _is_behind(
    lines: LogHead,
    chosen: npt.NDArray[np.intp],
    block: StoredBlock,
    after: Position,
    *,
    newest_first: bool,
) -> npt.NDArray[np.bool_]:
    """Compare positions column by column, in bulk."""
    sign = -1 if newest_first else 1
    columns: tuple[tuple[Int64s | int, int], ...] = (
        (lines.row[chosen], after.row),
        (lines.origin[chosen], after.origin),
        (block.stream_id, after.stream_id),
        (lines.ts_ns[chosen], after.ts_ns),
    )
    behind = np.zeros(len(chosen), np.bool_)
    for column, mark in columns:
        difference = np.sign(np.subtract(column, mark)) * sign
        behind = (difference > 0) | ((difference == 0) & behind)
    return behind


def _materialize(hits: list[_Hit]) -> list[FoundLine]:
    by_block: dict[int, list[_Hit]] = {}
    for hit in hits:
        by_block.setdefault(hit.block.id, []).append(hit)
    found: dict[Position, FoundLine] = {}
    for of_block in by_block.values():
        block = of_block[0].block
        lines, stored = block.open()
        text = stored.table(None, np.array([hit.index for hit in of_block]))
        for hit, columns in zip(of_block, text.to_pylist(), strict=True):
            level = int(lines.levels[hit.index])
            found[hit.position] = _found_line(hit.position, level, columns)
    return [found[hit.position] for hit in hits]


def _found_line(
    position: Position, level: int, columns: dict[str, str | None]
) -> FoundLine:
    line = columns.pop("line") or ""
    fields = {
        name.removeprefix("field."): value
        for name, value in columns.items()
        if value is not None
    }
    return FoundLine(position, level, line, fields)


def count_logs(scan: LogScan) -> int:
    """Return the exact number of wanted lines."""
    borders = np.array([scan.start_ns, scan.end_ns], np.int64)

    def count(block: StoredBlock) -> int:
        if block.payload is None:
            return sum(block.level_counts[level] for level in scan.levels)
        return len(rows_to_count(block, scan)[1])

    with closing(blocks_to_count(scan, borders)) as found:
        return sum(in_parallel(count, checked(found, scan)))


def log_volume(scan: LogScan, step_ns: int) -> npt.NDArray[np.int64]:
    """Return the number of wanted lines by bucket and level.

    Buckets of `step_ns` begin at `scan.start_ns`; the last may be cut off.
    """
    starts = np.arange(scan.start_ns, scan.end_ns, step_ns, dtype=np.int64)
    volume = np.zeros((len(starts), len(LEVEL_WORDS)), np.int64)
    with closing(blocks_to_count(scan, np.append(starts, scan.end_ns))) as found:
        for tally in in_parallel(
            lambda block: _tally(block, scan, step_ns), checked(found, scan)
        ):
            np.add.at(volume, tally[:2], tally[2])
    return volume


_Tally = tuple[Int64s, Int64s, Int64s]


def _tally(block: StoredBlock, scan: LogScan, step_ns: int) -> _Tally:
    """Return buckets, levels and the number of lines for each such pair."""
    if block.payload is None:
        levels = np.array(sorted(scan.levels), np.int64)
        counts = np.array(block.level_counts, np.int64)[levels]
        only = (block.min_ts - scan.start_ns) // step_ns
        return np.full(len(levels), only), levels, counts
    lines, chosen = rows_to_count(block, scan)
    bucket = (lines.ts_ns[chosen] - scan.start_ns) // step_ns
    key: Int64s = bucket * len(LEVEL_WORDS) + lines.levels[chosen]
    keys, counts = np.unique(key, return_counts=True)
    return keys // len(LEVEL_WORDS), keys % len(LEVEL_WORDS), counts
