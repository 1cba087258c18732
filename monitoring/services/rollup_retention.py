"""What rules say of roll-ups: a rule that takes a series decides about its roll-ups, too.

Without a rule they outlive their samples, for as long as the platform keeps roll-ups.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
from django.conf import settings

from accounts.scope import Scope
from monitoring.models import RetentionPass, Signal
from monitoring.services.policy import Clause, Policy, ids_by_clause, kept_from
from monitoring.store import deletion, rollup_deletion
from monitoring.store.blocks import Int64s
from monitoring.store.days import NOTHING, Amount

# The name of the pass: one for each organization, of the last day that was worked off.
ROLLUPS = "rollups"

_MIDNIGHT = datetime.min.time()


@dataclass(frozen=True, slots=True)
class RollupLoss:
    """What goes of some series' roll-ups; `amount` counts buckets."""

    amount: Amount
    ids: Int64s
    oldest: date | None


def apply_to_rollups(
    scope: Scope, policy: Policy, now: datetime
) -> Iterator[deletion.Step]:
    """Delete what the rules let go of roll-ups, before they let go of samples.

    The other way round, a window that is rolled up meanwhile would have fewer samples
    than it knows of, and would lose all its roll-ups.
    """
    clauses = policy.rules_of(Signal.METRICS)
    if not clauses:
        return
    passes = RetentionPass.unscoped.filter(
        organization_id=scope.organization_id, signal=ROLLUPS
    )
    digest = hashlib.sha256(repr(clauses).encode()).hexdigest()
    known = passes.filter(digest=digest).first()
    marker = deletion.mark()
    yield from _erase(scope, policy, clauses, known, now)
    passes.exclude(day=now.date()).delete()
    passes.update_or_create(
        organization_id=scope.organization_id,
        signal=ROLLUPS,
        day=now.date(),
        defaults={"digest": digest, "marker": marker},
    )


def _erase(
    scope: Scope,
    policy: Policy,
    clauses: Sequence[Clause],
    known: RetentionPass | None,
    now: datetime,
) -> Iterator[deletion.Step]:
    """Look at what has become too old since the last pass, or was made since."""
    ids: list[Int64s] = []
    for place, clause in enumerate(clauses):
        span = rollup_deletion.Span(_kept_from_ms(clause.keep_for, now))
        if known is not None:
            earlier = datetime.combine(known.day, _MIDNIGHT, UTC)
            since_ms = _kept_from_ms(clause.keep_for, earlier)
            span = rollup_deletion.Span(span.end_ms, since_ms, known.marker)
        if not rollup_deletion.any_in(scope.organization_id, span):
            continue
        ids = ids or ids_by_clause(scope, policy, Signal.METRICS)
        yield from deletion.erase_old_rollups(scope.organization_id, ids[place], span)


def loss_of_rollups(
    scope: Scope, current: Policy, proposed: Policy, now: datetime
) -> RollupLoss:
    """Return what the proposed rules let go of roll-ups that today's keep."""
    before = ids_by_clause(scope, current, Signal.METRICS)
    after = ids_by_clause(scope, proposed, Signal.METRICS)
    total, oldest, lost = NOTHING, None, [np.empty(0, np.int64)]
    for new, new_ids in zip(_kept_by(proposed, now), after, strict=True):
        for old, old_ids in zip(_kept_by(current, now), before, strict=True):
            ids = np.intersect1d(new_ids, old_ids, assume_unique=True)
            if new <= old or not len(ids):
                continue
            span = rollup_deletion.Span(new, old)
            found, first = rollup_deletion.amount(scope.organization_id, ids, span)
            total += found
            if found.records and first is not None:
                oldest = min(oldest or first, first)
                lost.append(ids)
    return RollupLoss(total, np.unique(np.concatenate(lost)), oldest)


def _kept_by(policy: Policy, now: datetime) -> list[int]:
    """Return from when on each clause keeps roll-ups; the default keeps all there are."""
    kept = timedelta(days=settings.METRIC_ROLLUP_RETENTION_DAYS)
    platform = int((now - kept).timestamp() * 1000)
    rules = policy.rules_of(Signal.METRICS)
    return [
        *(max(_kept_from_ms(rule.keep_for, now), platform) for rule in rules),
        platform,
    ]


def _kept_from_ms(keep_for: timedelta, now: datetime) -> int:
    first = datetime.combine(kept_from(keep_for, now), _MIDNIGHT, UTC)
    return int(first.timestamp()) * 1000
