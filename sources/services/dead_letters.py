"""Batches that could not be stored: kept, visible, replayable, in nobody's way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from accounts.scope import Scope, TeamRole
from accounts.services import audit
from sources.models import DeadLetter, InboxBatch
from sources.services.access import has_team_role, require_team_role
from sources.services.nudges import nudge

# Letters replayed or discarded in one transaction: their payloads are in memory.
AT_ONCE = 1000


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
