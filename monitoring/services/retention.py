"""Letting go of what is older than an organization's rules and the operator keep."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
from django.conf import settings

from accounts.models import Organization
from accounts.scope import Scope
from monitoring.models import LifecycleState, RetentionPass, Signal
from monitoring.services import exemplars, hindrances
from monitoring.services.policy import (
    Policy,
    ids_by_clause,
    kept_from,
    longest_kept,
    longest_kept_anywhere,
    policy_of,
)
from monitoring.services.rollup_retention import apply_to_rollups
from monitoring.store import archive_deletion, deletion, deltas, engine, registry
from monitoring.store.blocks import Int64s
from monitoring.store.days import StoredDay, stored_days
from monitoring.store.tombstones import Tombstone, unit_of

logger = logging.getLogger(__name__)

# A day is dropped this long after its last sample or line could still be appended:
# ids that a process has cached then still exist. See monitoring/store/known.py.
MARGIN = timedelta(days=1)
# Partitions are made so many days ahead.
AHEAD = 2

EPOCH = date(1970, 1, 1)
DAY_NS = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class RetentionOutcome:
    days_dropped: int
    blocks_deleted: int
    series_deleted: int
    streams_deleted: int


def apply_retention(now: datetime) -> RetentionOutcome:
    """Drop days nobody keeps, then what each organization's rules let go.

    What deleted organizations left goes too, and unused series and streams. To be
    called outside a transaction: partitions are detached concurrently, and everything
    else is deleted in steps that are a transaction each.
    """
    metrics_from = now - longest_kept_anywhere(Signal.METRICS) - MARGIN
    logs_from = now - longest_kept_anywhere(Signal.LOGS) - MARGIN
    dropped = engine.delete_before(samples=metrics_from.date(), logs=logs_from.date())
    blocks = engine.delete_orphans() + archive_deletion.drop_orphans(now)
    series = streams = 0
    for organization in Organization.objects.order_by("pk"):
        scope = Scope.of_system(organization.pk, organization.slug)
        work = LifecycleState.Work.RETENTION
        with hindrances.noted(organization.pk, work, now=now):
            blocks += sum(step.blocks for step in apply_rules(scope, now))
            series += _forget_series(organization.pk, now)
            streams += _forget_streams(organization.pk, now)
    deltas.delete_orphans()
    exemplars.delete_old(now)
    return RetentionOutcome(dropped, blocks, series, streams)


def _forget_series(organization_id: int, now: datetime) -> int:
    # `last_seen` is true to within hours, and whole days are dropped. Roll-ups outlive
    # the samples that they are made of.
    rolled_up = timedelta(days=settings.METRIC_ROLLUP_RETENTION_DAYS)
    kept = max(longest_kept(organization_id, Signal.METRICS), rolled_up)
    return registry.delete_unused_series(organization_id, now - kept - 2 * MARGIN)


def _forget_streams(organization_id: int, now: datetime) -> int:
    kept = longest_kept(organization_id, Signal.LOGS)
    return registry.delete_unused_streams(organization_id, now - kept - 2 * MARGIN)


def apply_rules(scope: Scope, now: datetime) -> Iterator[deletion.Step]:
    """Delete what the organization's rules let go, block by block.

    Begun anew it goes on where it stopped: what is gone is not found again, and days
    that it is through with are remembered until something arrives for them.
    """
    policy = policy_of(scope.organization_id)
    yield from apply_to_rollups(scope, policy, now)
    for signal in Signal.values:
        first_kept = kept_from(policy.longest(signal), now)
        archive_deletion.drop_files(
            scope.organization_id, signal, before=first_kept, now=now
        )
        yield from _apply_to(scope, policy, signal, now)
        old = RetentionPass.unscoped.filter(
            organization_id=scope.organization_id, signal=signal, day__lt=first_kept
        )
        old.delete()


def _apply_to(
    scope: Scope, policy: Policy, signal: str, now: datetime
) -> Iterator[deletion.Step]:
    organization_id = scope.organization_id
    first_kept = kept_from(policy.longest(signal), now)
    ids: list[Int64s] = []
    for stored in stored_days(
        organization_id, signal, before=kept_from(policy.shortest(signal), now)
    ):
        if stored.day < first_kept:
            yield from deletion.erase_day(organization_id, signal, stored.day)
            continue
        digest = _digest(policy, signal, stored, now)
        if _is_through(organization_id, signal, stored, digest):
            continue
        ids = ids or ids_by_clause(scope, policy, signal)
        marker = deletion.mark()
        doom = doom_of(
            signal, stored.day, expired(policy, signal, stored.day, ids, now)
        )
        yield from deletion.erase_blocks(organization_id, signal, doom)
        yield from archive_deletion.erase_files(organization_id, signal, doom, now)
        RetentionPass.unscoped.update_or_create(
            organization_id=organization_id,
            signal=signal,
            day=stored.day,
            defaults={"digest": digest, "marker": marker},
        )


def expired(
    policy: Policy, signal: str, day: date, ids: list[Int64s], now: datetime
) -> Int64s:
    """Return the series or streams of which this day is let go, sorted.

    `ids` are those that each clause decides about.
    """
    gone = [
        decided
        for clause, decided in zip(policy.of(signal), ids, strict=True)
        if day < kept_from(clause.keep_for, now)
    ]
    return np.sort(np.concatenate([np.empty(0, np.int64), *gone]))


def doom_of(signal: str, day: date, ids: Int64s) -> Tombstone:
    start_ns = (day - EPOCH).days * DAY_NS
    unit = unit_of(signal)
    return Tombstone(ids, start_ns // unit, (start_ns + DAY_NS) // unit - 1)


def _digest(policy: Policy, signal: str, stored: StoredDay, now: datetime) -> str:
    """Of which rules take what of the day, and of the archive files that it has."""
    said = [
        (clause.team_id, clause.matchers, stored.day < kept_from(clause.keep_for, now))
        for clause in policy.of(signal)
    ]
    return hashlib.sha256(repr((said, stored.youngest_file)).encode()).hexdigest()


def _is_through(
    organization_id: int, signal: str, stored: StoredDay, digest: str
) -> bool:
    return RetentionPass.unscoped.filter(
        organization_id=organization_id,
        signal=signal,
        day=stored.day,
        digest=digest,
        marker__gte=stored.youngest_block,
    ).exists()


def prepare_partitions(now: datetime) -> None:
    """Make the partitions of today and the next days."""
    days: Iterable[datetime] = (now + timedelta(days=n) for n in range(AHEAD + 1))
    engine.prepare([day.astimezone(UTC).date() for day in days], now=now)
