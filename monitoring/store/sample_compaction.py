"""Compaction of sample blocks: from drains to metrics, from windows to days.

- Level 0: small mixed blocks of a window are merged into larger mixed ones.
- Level 0 to 1: a window with enough samples is split by metric.
- Level 1: a metric's small blocks of a window are merged.
- Levels 0 and 1 to 2: when a day is over, each metric's blocks of it become one run.
- What has left level 0 is rolled up when its window is over (see rollups.py).

Only the oldest blocks of a group are merged, without gaps, and the result takes the
place in age (`appended`) of its youngest source: so the last appended of doubles wins
whatever is merged when.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise

import numpy as np
import numpy.typing as npt

from monitoring.store import partitions, rollup_deletion, rollups
from monitoring.store.blocks import Samples, decode_samples, merge_samples
from monitoring.store.compaction import (
    FAN_IN,
    MAX_MERGED_SAMPLES,
    Candidate,
    last_finished_day,
    merge_alone,
    take_out,
    tier,
    up_to,
)
from monitoring.store.connection import Row, copy_in, fetch
from monitoring.store.samples import PLACED, WINDOW_MS, block_row

# A block is split above this many samples; above half of it, it is left alone.
MAX_BLOCK_SAMPLES = 128_000
FULL_SAMPLES = MAX_BLOCK_SAMPLES // 2
# A window is split by metric with this many samples, and with few when it is over.
ENOUGH_SAMPLES = 256_000
FEW_SAMPLES = 4_096
WINDOW_GRACE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Merge:
    """Blocks of one day that become blocks of `level`; `mixed` ones are of level 0."""

    day: date
    level: int
    sources: Sequence[Candidate]
    mixed: bool = False


def compact_samples(organization_id: int, *, now: datetime) -> Iterator[int]:
    """Do one merge at a time; yield how many blocks each has merged.

    Raises SourcesGoneError.
    """
    for plan in (_mixed_merges, _window_merges, _day_merges, _late_merges):
        for merge in plan(organization_id, now):
            yield _carry_out(organization_id, merge)
    yield from _roll_up(organization_id, now)


def _roll_up(organization_id: int, now: datetime) -> Iterator[int]:
    """Make the roll-ups that are due; yield how many metrics' each time."""
    for end_ms, metrics in rollups.due(organization_id, now):
        with merge_alone(organization_id) as alone:
            if alone:
                rollups.roll_up(organization_id, end_ms, metrics)
        yield len(metrics) if alone else 0
    rollup_deletion.delete_before(organization_id, now)


def _mixed_merges(organization_id: int, now: datetime) -> Iterator[Merge]:
    rows = fetch(
        "SELECT day, min_ts / %s, id, count FROM monitoring_sampleblock"
        " WHERE organization_id = %s AND level = 0 ORDER BY 1, 2, appended",
        [WINDOW_MS, organization_id],
    )
    finished = last_finished_day(now)
    for day, of_day in groupby(rows, key=lambda row: row[0]):
        if day <= finished:
            candidates = [Candidate(*row[2:]) for row in of_day]
            if len(candidates) > 1 or candidates[0].count >= FEW_SAMPLES:
                yield from _promotion(day, 2, candidates)
            continue
        for window, of_window in groupby(of_day, key=lambda row: row[1]):
            candidates = [Candidate(*row[2:]) for row in of_window]
            yield from _mixed_merge(day, window, candidates, now)


def _mixed_merge(
    day: date, window: int, candidates: list[Candidate], now: datetime
) -> Iterator[Merge]:
    total = sum(candidate.count for candidate in candidates)
    over = (window + 1) * WINDOW_MS / 1000 + WINDOW_GRACE.total_seconds()
    needed = FEW_SAMPLES if over < now.timestamp() else ENOUGH_SAMPLES
    if total >= needed:
        yield from _promotion(day, 1, candidates)
    elif merged := tier(candidates):
        yield Merge(day, 0, merged)


def _promotion(day: date, level: int, candidates: list[Candidate]) -> Iterator[Merge]:
    while candidates:
        taken = up_to(candidates, MAX_MERGED_SAMPLES)
        yield Merge(day, level, taken, mixed=True)
        candidates = candidates[len(taken) :]


def _window_merges(organization_id: int, now: datetime) -> Iterator[Merge]:
    """A metric's small blocks of a window, where there are many of one size."""
    del now
    for day, blocks in _small_blocks(organization_id, 1, "min_ts / 7200000", FAN_IN):
        if merged := tier(blocks):
            yield Merge(day, 1, up_to(merged, MAX_MERGED_SAMPLES))


def _day_merges(organization_id: int, now: datetime) -> Iterator[Merge]:
    """A metric's blocks of a finished day."""
    finished = last_finished_day(now)
    for day, blocks in _small_blocks(organization_id, 1, "day", 2, until=finished):
        yield Merge(day, 2, up_to(blocks, MAX_MERGED_SAMPLES))


def _late_merges(organization_id: int, now: datetime) -> Iterator[Merge]:
    """What came late for a finished day, when there is much of it."""
    del now
    for day, blocks in _small_blocks(organization_id, 2, "day", FAN_IN):
        yield Merge(day, 2, up_to(blocks, MAX_MERGED_SAMPLES))


def _small_blocks(
    organization_id: int, level: int, window: str, least: int, *, until: date = date.max
) -> Iterator[tuple[date, list[Candidate]]]:
    """Yield day and blocks of each metric and window with at least so many blocks."""
    groups = fetch(
        "SELECT day, array_agg(id ORDER BY appended, id),"  # noqa: S608 - constants
        " array_agg(count ORDER BY appended, id),"
        " array_agg(min_ts / %s ORDER BY appended, id)"
        " FROM monitoring_sampleblock"
        " WHERE organization_id = %s AND level = %s AND level > 0 AND day <= %s"
        f" GROUP BY day, metrics[1], {window}"
        " HAVING count(*) FILTER (WHERE count < %s) >= %s",
        [WINDOW_MS, organization_id, level, until, FULL_SAMPLES, least],
    )
    for day, ids, counts, windows in groups:
        blocks = _younger_than_full(ids, counts, windows, level)
        if len(blocks) >= least:
            yield day, blocks


def _younger_than_full(
    ids: Sequence[int], counts: Sequence[int], windows: Sequence[int], level: int
) -> list[Candidate]:
    """Leave out full blocks, and older ones: merged, those would pass for younger."""
    last_full: dict[int, int] = {}
    keys = windows if level == 1 else [0] * len(ids)
    for index, (count, key) in enumerate(zip(counts, keys, strict=True)):
        if count >= FULL_SAMPLES:
            last_full[key] = index
    return [
        Candidate(ids[index], counts[index])
        for index, key in enumerate(keys)
        if index > last_full.get(key, -1)
    ]


def _carry_out(organization_id: int, merge: Merge) -> int:
    """Replace the sources by their merged blocks, unless someone else is at it."""
    ids = [source.id for source in merge.sources]
    with merge_alone(organization_id) as alone:
        if not alone:
            return 0
        rows = take_out(partitions.SAMPLES, "appended", merge.day, ids)
        merged = merge_samples([decode_samples(payload) for _age, _id, payload in rows])
        youngest = rows[-1][0]
        metrics, merged = _metric_of_each(organization_id, merged)
        if merge.mixed and len(merged):
            rollups.mark_due(organization_id, metrics, merged)
        blocks = _split(organization_id, merge.level, metrics, merged)
        copy_in(partitions.SAMPLES, PLACED, [(*row, youngest) for row in blocks])
    return len(ids)


def _split(
    organization_id: int, level: int, metrics: npt.NDArray[np.int64], merged: Samples
) -> Iterator[Row]:
    """Yield the rows of a run: of each metric, from level 1, and not too large."""
    if level > 0:
        order = np.argsort(metrics, kind="stable")
        metrics, merged = metrics[order], merged.take(order)
        changes = np.flatnonzero(np.diff(metrics)) + 1
        bounds = [0, *changes.tolist(), len(metrics)]
    else:
        bounds = [0, len(metrics)]
    for start, end in pairwise(bounds):
        for first in range(start, end, MAX_BLOCK_SAMPLES):
            piece = slice(first, min(first + MAX_BLOCK_SAMPLES, end))
            of_piece = np.unique(metrics[piece])
            yield block_row(organization_id, level, of_piece, merged.take(piece))


def _metric_of_each(
    organization_id: int, samples: Samples
) -> tuple[npt.NDArray[np.int64], Samples]:
    """Return the metric id of every sample; samples of deleted series are dropped."""
    series = np.unique(samples.series)
    rows = fetch(
        "SELECT id, metric_id FROM monitoring_series"
        " WHERE organization_id = %s AND id = ANY(%s::bigint[]) ORDER BY id",
        [organization_id, series.tolist()],
    )
    known = np.array(rows, np.int64).reshape(-1, 2)
    if len(known) < len(series):
        samples = samples.take(np.isin(samples.series, known[:, 0]))
    place = np.searchsorted(known[:, 0], samples.series)
    return known[place, 1], samples
