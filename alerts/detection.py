"""The one door for the ingest pipeline: which lines of a batch break a rule.

Everything happens in the pipeline's transaction, so that an alert exists exactly when
the lines that caused it are stored.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa

from accounts.scope import Scope
from alerts.services.armed import Armory, armory_of
from alerts.services.pattern_rules import count_and_evaluate
from alerts.services.windows import Group
from monitoring.telemetry import LogBatch


def detect(
    scope: Scope, batch: LogBatch, *, team_id: int | None, now: datetime
) -> None:
    """Scan the batch for all pattern rules, count what matches and evaluate.

    Concurrent calls of one organization wait for each other's commit once lines
    match; a transaction that calls it for several goes by ascending organization.
    """
    armory = armory_of(scope.organization_id)
    if not len(armory.patterns) or not batch.count:
        return
    counts = _count(armory, batch, team_id)
    if counts:
        matched = {group.rule_id for group in counts}
        rules = {a.rule.pk: a.rule for a in armory.rules if a.rule.pk in matched}
        count_and_evaluate(scope, rules, counts, now=now)


def _count(armory: Armory, batch: LogBatch, team_id: int | None) -> dict[Group, int]:
    """Return how many lines of the batch match, by rule and group."""
    applies = armory.applies(batch.streams, team_id)
    if not applies.any():
        return {}
    lines = _one_chunk(batch.table.column("line"))
    patterns, found = armory.patterns.matches(lines)
    streams = batch.table.column("stream").to_numpy()[found].astype(np.int64)
    wanted = applies[patterns, streams]
    width = len(batch.streams)
    codes, numbers = np.unique(
        patterns[wanted] * width + streams[wanted], return_counts=True
    )
    counts: dict[Group, int] = {}
    for code, number in zip(codes.tolist(), numbers.tolist(), strict=True):
        armed = armory.rules[code // width]
        labels = armed.group_of(batch.streams[code % width])
        group = Group(armed.rule.pk, labels, team_id)
        counts[group] = counts.get(group, 0) + number
    return counts


def _one_chunk(column: pa.ChunkedArray) -> pa.LargeStringArray:
    combined = column.combine_chunks()
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined
