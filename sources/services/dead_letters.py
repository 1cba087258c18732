"""Batches that could not be stored: kept, visible, replayable, in nobody's way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from accounts.scope import Scope, TeamRole
from accounts.services import audit
from monitoring.services.series_refs import named
from monitoring.telemetry import (
    CorruptBatchError,
    LogBatch,
    RefSamples,
    SampleBatch,
    decode_samples,
)
from sources.models import BatchKind, DeadLetter, InboxBatch
from sources.processing import InvalidRulesError
from sources.processing.masking import mask_lines
from sources.processing.presets import PRESETS
from sources.processing.rules import Mask
from sources.services.access import has_team_role, require_team_role
from sources.services.nudges import nudge
from sources.services.processing import mask_key, rules_of

# Letters replayed or discarded in one transaction: their payloads are in memory.
AT_ONCE = 1000
# How much of a letter is shown.
RECORDS_SHOWN = 5
_LONGEST_SHOWN = 500


def bury(batch: InboxBatch, *, error: str, now: datetime) -> DeadLetter:
    """Move a claimed batch out of the inbox; call it in the claim's transaction."""
    letter = DeadLetter.unscoped.create(
        organization_id=batch.organization_id,
        source_id=batch.source_id,
        team_id=batch.team_id,
        priority=batch.priority,
        kind=batch.kind,
        payload=batch.payload,
        count=batch.count,
        size=batch.size,
        received_at=batch.received_at,
        attempts=batch.attempts,
        error=error,
        failed_at=now,
    )
    batch.delete()
    return letter


@transaction.atomic
def replay(scope: Scope, letter_ids: Sequence[int] | None) -> int:
    """Put letters, or all of them, back into the inbox; return how many.

    Raises PermissionRefusedError.
    """
    letters = _locked(scope, letter_ids)
    InboxBatch.objects.bulk_create(_batch(letter) for letter in letters)
    _remove(scope, letters, "dead_letter.replay")
    transaction.on_commit(nudge)
    return len(letters)


@transaction.atomic
def discard(scope: Scope, letter_ids: Sequence[int]) -> int:
    """Delete letters for good; return how many. Raises PermissionRefusedError."""
    letters = _locked(scope, letter_ids)
    _remove(scope, letters, "dead_letter.discard")
    return len(letters)


def _locked(scope: Scope, letter_ids: Sequence[int] | None) -> list[DeadLetter]:
    """Two people who replay the same letter must not store it twice."""
    wanted = DeadLetter.objects.visible_to(scope).order_by("pk")
    if letter_ids is not None:
        wanted = wanted.filter(pk__in=letter_ids)
    letters = list(wanted.select_for_update(of=("self",))[:AT_ONCE])
    if letter_ids is None:
        return [letter for letter in letters if _may_move(scope, letter)]
    for letter in letters:
        require_team_role(scope, letter.team_id, TeamRole.MAINTAINER)
    return letters


def _may_move(scope: Scope, letter: DeadLetter) -> bool:
    return has_team_role(scope, letter.team_id, TeamRole.MAINTAINER)


def _remove(scope: Scope, letters: Sequence[DeadLetter], action: str) -> None:
    for letter in letters:
        said = {"count": letter.count, "kind": letter.kind, "error": letter.error}
        audit.record(scope, action, letter, before=said)
    DeadLetter.unscoped.filter(pk__in=[letter.pk for letter in letters]).delete()


def _batch(letter: DeadLetter) -> InboxBatch:
    return InboxBatch(
        organization_id=letter.organization_id,
        source_id=letter.source_id,
        team_id=letter.team_id,
        priority=letter.priority,
        kind=letter.kind,
        payload=letter.payload,
        count=letter.count,
        size=letter.size,
        received_at=letter.received_at,
    )


# --- What is in a letter ---------------------------------------------------------------


def samples_of(letter: DeadLetter) -> list[str]:
    """Return the first records of a letter, as its source's rules would show them.

    Where those are not known everything that may be a secret is hidden. A payload that
    cannot be read has none.
    """
    try:
        if letter.kind == BatchKind.SAMPLES:
            samples = decode_samples(bytes(letter.payload))
            if isinstance(samples, RefSamples):
                samples = named(letter.organization_id, samples)
            return _series(samples)
        batch = LogBatch.decode(bytes(letter.payload))
    except CorruptBatchError:
        return []
    lines = batch.table.slice(0, RECORDS_SHOWN).column("line")
    hidden = mask_lines(_masks(letter), lines, mask_key(letter.organization_id))
    return [line[:_LONGEST_SHOWN] for line in hidden]


def _series(batch: SampleBatch) -> list[str]:
    shown = []
    for labels in batch.series[:RECORDS_SHOWN]:
        named = ", ".join(f'{name}="{value}"' for name, value in labels)
        shown.append(f"{{{named}}}"[:_LONGEST_SHOWN])
    return shown


def _masks(letter: DeadLetter) -> tuple[Mask, ...]:
    everything = tuple(Mask(preset=name) for name in PRESETS)
    if letter.source is None:
        return everything
    try:
        return rules_of(letter.source.processing).masks
    except InvalidRulesError:
        return everything
