"""From the inbox to the store: parse, detect, append, count, delete, in one commit.

A worker that dies anywhere leaves its batches as they were, and the next one stores
them. A batch that fails is tried alone, so that it holds up nobody else's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from django.db import transaction

from accounts.models import Organization
from accounts.scope import Scope
from alerts.detection import detect
from monitoring import live
from monitoring.live import handover
from monitoring.services.append import append_logs, append_refs, append_samples
from monitoring.services.series_refs import named
from monitoring.telemetry import (
    LogBatch,
    RefSamples,
    SampleBatch,
    decode_samples,
    distinct,
)
from sources.models import BatchKind, InboxBatch
from sources.services.claims import (
    MAX_BATCHES,
    claim_fresh,
    claim_one,
    due_again,
    release,
)
from sources.services.counting import count_stored
from sources.services.failures import is_passing, note_failure
from sources.services.format_changes import note_changed_formats
from sources.services.merging import merge_logs, merge_samples
from sources.services.parsing import Claimed, Parser, Telemetry
from sources.services.processing import Processor

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DrainOutcome:
    """What one drain stored; `failed` batches were put off or buried.

    It has `left_more` when its budget was spent: there may be as much again.
    """

    batches: int = 0
    lines: int = 0
    samples: int = 0
    failed: int = 0
    left_more: bool = False

    @property
    def found_nothing(self) -> bool:
        return not self.batches and not self.failed

    def __add__(self, other: DrainOutcome) -> DrainOutcome:
        return DrainOutcome(
            self.batches + other.batches,
            self.lines + other.lines,
            self.samples + other.samples,
            self.failed + other.failed,
            self.left_more or other.left_more,
        )


def drain(now: datetime, *, max_batches: int = MAX_BATCHES) -> DrainOutcome:
    """Store what waits, within one transaction's budget.

    Raises the database's own error when it is away or busy: nothing was done then,
    and no batch is to blame.
    """
    outcome = _drain_fresh(now, max_batches)
    return _drain_each(due_again(now), now, outcome)


def _drain_fresh(now: datetime, max_batches: int) -> DrainOutcome:
    claimed: list[int] = []
    try:
        with transaction.atomic():
            batches, left_more = claim_fresh(max_batches=max_batches)
            claimed = [batch.pk for batch in batches]
            return replace(_store(batches, now), left_more=left_more)
    except Exception as error:
        if is_passing(error):
            raise
        if len(claimed) == 1:  # Alone it was already.
            note_failure(claimed[0], error, now)
            return DrainOutcome(failed=1)
        logger.warning("Draining %s batches one by one: %s", len(claimed), error)
    return _drain_each(claimed, now, DrainOutcome())


def _drain_each(
    batch_ids: Iterable[int], now: datetime, outcome: DrainOutcome
) -> DrainOutcome:
    for batch_id in batch_ids:
        outcome += _drain_alone(batch_id, now)
    return outcome


def _drain_alone(batch_id: int, now: datetime) -> DrainOutcome:
    try:
        with transaction.atomic():
            batch = claim_one(batch_id)
            return _store([batch], now) if batch else DrainOutcome()
    except Exception as error:
        if is_passing(error):
            raise
        note_failure(batch_id, error, now)
        return DrainOutcome(failed=1)


def _store(claimed: Sequence[InboxBatch], now: datetime) -> DrainOutcome:
    """Store claimed batches in the caller's transaction. Raises what any of them does."""
    if not claimed:
        return DrainOutcome()
    decoded = [(batch, _decode(batch)) for batch in claimed]
    scopes = _scopes(claimed)
    parser = Parser(claimed)
    for (organization_id, team_id), group in _by_owner(decoded):
        scope = scopes[organization_id]
        _store_logs(scope, parser.parse(group), parser.processor, team_id, now)
        _store_samples(scope, group, team_id, now)
    note_changed_formats(scopes, claimed, parser, now)
    count_stored(claimed, parser.recognised, now, parser.processor.figures)
    release(claimed)
    return _outcome(claimed)


def _decode(batch: InboxBatch) -> Telemetry:
    """Raises CorruptBatchError."""
    decode = LogBatch.decode if batch.kind == BatchKind.LOGS else decode_samples
    return decode(bytes(batch.payload))


def _scopes(batches: Sequence[InboxBatch]) -> dict[int, Scope]:
    ids = {batch.organization_id for batch in batches}
    slugs = Organization.objects.filter(pk__in=ids).values_list("pk", "slug")
    return {pk: Scope.of_system(pk, slug) for pk, slug in slugs}


def _by_owner(
    decoded: Sequence[Claimed],
) -> Iterator[tuple[tuple[int, int | None], list[Claimed]]]:
    def owner(item: Claimed) -> tuple[int, int]:
        return item[0].organization_id, item[0].team_id or 0

    for (organization_id, team_id), group in groupby(sorted(decoded, key=owner), owner):
        yield (organization_id, team_id or None), list(group)


def _store_logs(
    scope: Scope,
    parsed: Iterable[LogBatch],
    processor: Processor,
    team_id: int | None,
    now: datetime,
) -> None:
    batches = [batch for batch in merge_logs(parsed) if not batch.is_empty]
    for batch in batches:
        append_logs(scope, batch, team_id=team_id, now=now)
        _show_lines(scope, batch, team_id, now)
    for samples in processor.store_derived(scope, team_id, now):
        _show_samples(scope, samples, team_id)
    # Last, because it locks the organization's patterns until the commit.
    for batch in batches:
        detect(scope, batch, team_id=team_id, now=now)


def _store_samples(
    scope: Scope, group: Sequence[Claimed], team_id: int | None, now: datetime
) -> None:
    samples = [batch for _, batch in group if isinstance(batch, SampleBatch)]
    for is_delta in (False, True):
        batches = [batch for batch in samples if batch.is_delta is is_delta]
        if not batches:
            continue
        batch = merge_samples(batches)
        append_samples(scope, batch, team_id=team_id, now=now)
        # What deltas add up to is known in the store alone.
        if not is_delta:
            _show_samples(scope, batch, team_id)
    refs = [batch for _, batch in group if isinstance(batch, RefSamples)]
    if refs:
        joined = RefSamples.joined(refs)
        append_refs(scope, joined, now=now)
        _show_refs(scope, joined, team_id)


def _show_lines(
    scope: Scope, batch: LogBatch, team_id: int | None, now: datetime
) -> None:
    transaction.on_commit(
        lambda: live.publish_lines(
            scope.organization_id, batch, team_id=team_id, ingested_at=now
        )
    )
    transaction.on_commit(
        lambda: handover.offer(scope.organization_id, batch, team_id=team_id)
    )


def _show_samples(scope: Scope, batch: SampleBatch, team_id: int | None) -> None:
    transaction.on_commit(
        lambda: live.publish_samples(scope.organization_id, batch, team_id=team_id)
    )


def _show_refs(scope: Scope, samples: RefSamples, team_id: int | None) -> None:
    if len(distinct(samples.series)) > live.BURST_SERIES:
        return
    organization_id = scope.organization_id
    transaction.on_commit(
        lambda: live.publish_samples(
            organization_id, named(organization_id, samples), team_id=team_id
        )
    )


def _outcome(stored: Sequence[InboxBatch]) -> DrainOutcome:
    lines = sum(b.count for b in stored if b.kind == BatchKind.LOGS)
    samples = sum(b.count for b in stored if b.kind == BatchKind.SAMPLES)
    return DrainOutcome(len(stored), lines, samples)
