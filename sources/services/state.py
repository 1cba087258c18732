"""What machines say about a source: what is wrong with it, and that it is no more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import F

from sources.models import Source, SourceState

_MAX_ERROR = 2000


def update_state(source_id: int, changes: Mapping[str, Any]) -> None:
    """Apply the changes, expressions among them, to the row, made if it is missing.

    A source that is gone meanwhile has no state to keep.
    """
    states = SourceState.objects.filter(pk=source_id)
    if not states.update(**changes) and Source.unscoped.filter(pk=source_id).exists():
        SourceState.objects.bulk_create(
            [SourceState(source_id=source_id)], ignore_conflicts=True
        )
        states.update(**changes)


def note_error(source_id: int, message: str, now: datetime) -> None:
    """Show the message at the source, until data that come in later make it healthy."""
    update_state(source_id, {"last_error": _stored(message), "last_error_at": now})


def note_rejected(source_id: int, count: int, problem: str, now: datetime) -> None:
    """Count records that came to the source and were refused, and say why."""
    update_state(
        source_id,
        {
            "rejected_total": F("rejected_total") + count,
            "last_error": _stored(problem),
            "last_error_at": now,
        },
    )


def clear_error(source_id: int, message: str) -> None:
    """Take the message back; another one that was noted meanwhile stays."""
    SourceState.objects.filter(source_id=source_id, last_error=_stored(message)).update(
        last_error="", last_error_at=None
    )


def _stored(message: str) -> str:
    return message[:_MAX_ERROR].replace("\x00", "")
