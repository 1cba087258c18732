"""What went through the pipeline: totals of each source, rates of each minute.

Written last in a drain's transaction and in one order, so that workers which meet on
the same rows wait for a commit that follows at once, and never for each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.db import connection
from django.db.models import F, Value
from django.db.models.functions import Greatest

from sources.models import BatchKind, InboxBatch
from sources.services.figures import Figures, add_to_minute, changes_of
from sources.services.state import update_state

_MINUTE = """
INSERT INTO sources_{owner}minute AS total (
    {key}, minute, lines, samples, bytes, batches, latency_ms_sum, failures)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT ({key}, minute) DO UPDATE SET
    lines = total.lines + excluded.lines,
    samples = total.samples + excluded.samples,
    bytes = total.bytes + excluded.bytes,
    batches = total.batches + excluded.batches,
    latency_ms_sum = total.latency_ms_sum + excluded.latency_ms_sum,
    failures = total.failures + excluded.failures
"""
_OF_ORGANIZATION = _MINUTE.format(owner="pipeline", key="organization_id")
_OF_SOURCE = _MINUTE.format(owner="source", key="source_id")

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
    failures: int = 0
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
    batches: Sequence[InboxBatch],
    recognised: Recognised,
    now: datetime,
    figures: Mapping[int, Figures] = MappingProxyType({}),
) -> None:
    """Add stored batches to the totals; call it at the end of their transaction.

    `figures` are of sources that have rules.
    """
    _add_to_sources(batches, recognised, figures, now)
    _add_to_organizations(batches, now)


def count_failure(organization_id: int, source_id: int | None, now: datetime) -> None:
    tally = Tally(failures=1)
    if source_id is not None:
        _add_to_minute(_OF_SOURCE, source_id, tally, now)
    _add_to_minute(_OF_ORGANIZATION, organization_id, tally, now)


def _add_to_sources(
    batches: Iterable[InboxBatch],
    recognised: Recognised,
    figures: Mapping[int, Figures],
    now: datetime,
) -> None:
    tallies: dict[int, Tally] = {}
    for batch in batches:
        if batch.source_id is not None:
            tallies.setdefault(batch.source_id, Tally()).add(batch, now)
    for source_id, tally in sorted(tallies.items()):
        changes = _changes(tally) | _learnt(recognised.get(source_id))
        done = figures.get(source_id)
        if done is not None and done.any:
            changes |= changes_of(done)
        update_state(source_id, changes)
        _add_to_minute(_OF_SOURCE, source_id, tally, now)
        if done is not None and done.any:
            add_to_minute(source_id, done, now)


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


def _add_to_organizations(batches: Iterable[InboxBatch], now: datetime) -> None:
    tallies: dict[int, Tally] = {}
    for batch in batches:
        tallies.setdefault(batch.organization_id, Tally()).add(batch, now)
    for organization_id, tally in sorted(tallies.items()):
        _add_to_minute(_OF_ORGANIZATION, organization_id, tally, now)


def _add_to_minute(query: str, owner_id: int, tally: Tally, now: datetime) -> None:
    minute = now.replace(second=0, microsecond=0)
    sums = (tally.lines, tally.samples, tally.size, tally.batches, tally.latency_ms)
    with connection.cursor() as cursor:
        cursor.execute(query, [owner_id, minute, *sums, tally.failures])
