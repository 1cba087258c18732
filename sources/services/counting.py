"""What went through the pipeline: totals of each source, rates of each minute.

Written last in a drain's transaction and in one order, so that workers which meet on
the same rows wait for a commit that follows at once, and never for each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import F, Value
from django.db.models.functions import Greatest

from sources.models import BatchKind, InboxBatch
from sources.services.state import update_state

_MINUTE = """
INSERT INTO sources_pipelineminute AS total (
    organization_id, minute, lines, samples, bytes, batches, failures, latency_ms_sum)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (organization_id, minute) DO UPDATE SET
    lines = total.lines + excluded.lines,
    samples = total.samples + excluded.samples,
    bytes = total.bytes + excluded.bytes,
    batches = total.batches + excluded.batches,
    failures = total.failures + excluded.failures,
    latency_ms_sum = total.latency_ms_sum + excluded.latency_ms_sum
"""

# The format recognised at a source, and how sure that is.
Recognised = Mapping[int, tuple[str, float | None]]


@dataclass(slots=True)
class Tally:
    """Sums over some batches."""

    lines: int = 0
    samples: int = 0
    size: int = 0
    batches: int = 0
    latency_ms: int = 0
    last_seen: datetime | None = field(default=None)

    def add(self, batch: InboxBatch, now: datetime) -> None:
        is_logs = batch.kind == BatchKind.LOGS
        self.lines += batch.count if is_logs else 0
        self.samples += 0 if is_logs else batch.count
        self.size += batch.size
        self.batches += 1
        self.latency_ms += max(0, int((now - batch.received_at).total_seconds() * 1000))
        self.last_seen = max(self.last_seen or batch.received_at, batch.received_at)


def count_stored(
    batches: Sequence[InboxBatch], recognised: Recognised, now: datetime
) -> None:
    """Add stored batches to the totals; call it at the end of their transaction."""
    _add_to_sources(batches, recognised, now)
    _add_to_minutes(batches, now)


def count_failure(organization_id: int, now: datetime) -> None:
    _upsert([(organization_id, _minute(now), 0, 0, 0, 0, 1, 0)])


def _add_to_sources(
    batches: Iterable[InboxBatch], recognised: Recognised, now: datetime
) -> None:
    tallies: dict[int, Tally] = {}
    for batch in batches:
        if batch.source_id is not None:
            tallies.setdefault(batch.source_id, Tally()).add(batch, now)
    for source_id, tally in sorted(tallies.items()):
        changes = _changes(tally) | _learnt(recognised.get(source_id))
        update_state(source_id, changes)


def _changes(tally: Tally) -> dict[str, Any]:
    return {
        "lines_total": F("lines_total") + tally.lines,
        "bytes_total": F("bytes_total") + tally.size,
        "samples_total": F("samples_total") + tally.samples,
        "last_seen": Greatest(F("last_seen"), Value(tally.last_seen)),
    }


def _learnt(found: tuple[str, float | None] | None) -> dict[str, Any]:
    if found is None:
        return {}
    return {"detected_format": found[0], "detected_confidence": found[1]}


def _add_to_minutes(batches: Iterable[InboxBatch], now: datetime) -> None:
    tallies: dict[int, Tally] = {}
    for batch in batches:
        tallies.setdefault(batch.organization_id, Tally()).add(batch, now)
    minute = _minute(now)
    _upsert(
        [
            (org, minute, t.lines, t.samples, t.size, t.batches, 0, t.latency_ms)
            for org, t in sorted(tallies.items())
        ]
    )


def _minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)


def _upsert(rows: Sequence[tuple[object, ...]]) -> None:
    with connection.cursor() as cursor:
        for row in rows:
            cursor.execute(_MINUTE, row)
