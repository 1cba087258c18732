"""Whose fault a failed batch is, and what becomes of the batch."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, transaction

from monitoring.services.append import LimitExceededError
from monitoring.telemetry import CorruptBatchError
from sources.models import InboxBatch
from sources.services.counting import count_failure
from sources.services.dead_letters import bury
from sources.services.state import note_error

logger = logging.getLogger(__name__)

FIRST_DELAY = timedelta(seconds=1)
LONGEST_DELAY = timedelta(minutes=5)

# PostgreSQL's error classes that say nothing about the batch: connection, resources,
# locks, operator, crash; and of class 40 a transaction that lost against another.
_PASSING = ("08", "53", "55", "57", "58", "40")
# Trying again would end the same.
_HOPELESS = (LimitExceededError, CorruptBatchError)


def is_passing(error: BaseException) -> bool:
    """Whether the database was away or busy, so that the batch is not to blame."""
    if isinstance(error, InterfaceError):
        return True
    if not isinstance(error, DatabaseError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    if state is None:
        return isinstance(error, OperationalError)
    return str(state).startswith(_PASSING)


@transaction.atomic
def note_failure(batch_id: int, error: Exception, now: datetime) -> None:
    """Put the batch off, or bury it when it has had its chances."""
    batch = InboxBatch.objects.select_for_update().filter(pk=batch_id).first()
    if batch is None:
        return
    batch.attempts += 1
    text = _describe(error)
    if isinstance(error, _HOPELESS) or batch.attempts >= settings.INGEST_MAX_ATTEMPTS:
        _bury(batch, text, now)
        return
    batch.last_error = text
    batch.not_before = now + min(FIRST_DELAY * 4 ** (batch.attempts - 1), LONGEST_DELAY)
    batch.save(update_fields=["attempts", "last_error", "not_before"])
    logger.warning("Batch %s failed, attempt %s: %s", batch_id, batch.attempts, text)


def _bury(batch: InboxBatch, text: str, now: datetime) -> None:
    logger.error("Batch %s goes to the dead letters: %s", batch.pk, text)
    bury(batch, error=text, now=now)
    if batch.source_id is not None:
        note_error(
            batch.source_id, f"{batch.count} {batch.kind} not stored: {text}", now
        )
    count_failure(batch.organization_id, batch.source_id, now)


def _describe(error: Exception) -> str:
    return (
        str(error)
        if isinstance(error, _HOPELESS)
        else f"{type(error).__name__}: {error}"
    )
