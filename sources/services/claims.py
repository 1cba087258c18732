"""Taking batches out of the inbox: each for one worker, the most urgent first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import psycopg
from django.db import connection
from django.db.models import Q

from sources.models import InboxBatch

# What one drain takes at most: it all is in memory at once, and locked.
MAX_BATCHES = 500
MAX_BYTES = 16 * 2**20
# Rows fetched, and so locked, first; then as many as the budget has room for, going by
# these. It is overrun by one fetch at most, of rows that are larger than those before.
_FETCH = 8

_COLUMNS = [field.attname for field in InboxBatch._meta.concrete_fields]  # noqa: SLF001 - Model._meta API
_FRESH = f"""
SELECT {", ".join(_COLUMNS)} FROM sources_inboxbatch WHERE attempts = 0
ORDER BY priority, id LIMIT %s FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - the model's own names


def claim_fresh(
    *, max_batches: int, max_bytes: int = MAX_BYTES
) -> tuple[list[InboxBatch], bool]:
    """Lock and return batches that were never tried; call it in a transaction.

    And whether the budget was spent on them, so that more may be waiting.

    What other workers hold is passed over. A server-side cursor locks row by row, so
    that what is beyond the budget stays free for others. Payloads travel as they are,
    not as text.
    """
    with (
        connection.wrap_database_errors,
        psycopg.ServerCursor(connection.connection, "fresh_batches") as cursor,
    ):
        cursor.execute(_FRESH, [max_batches], binary=True)
        return _within_budget(cursor, max_batches, max_bytes)


def claim_one(batch_id: int) -> InboxBatch | None:
    """Lock and return the batch, unless it is gone or held by another worker."""
    batches = InboxBatch.objects.select_for_update(skip_locked=True)
    return batches.filter(pk=batch_id).first()


def release(stored: Sequence[InboxBatch]) -> None:
    """Take stored batches out of the inbox; nothing refers to them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM sources_inboxbatch WHERE id = ANY(%s)",
            [[batch.pk for batch in stored]],
        )


def due_again(now: datetime) -> list[int]:
    """Return the ids of failed batches whose back-off is over."""
    failed = InboxBatch.objects.filter(attempts__gt=0, not_before__lte=now)
    return list(failed.order_by("priority", "id").values_list("pk", flat=True)[:100])


def anything_waits(now: datetime, *, overdue_by: timedelta | None = None) -> bool:
    """Whether a drain would find work, or such as it should have done long ago."""
    fresh = Q(attempts=0)
    if overdue_by is not None:
        fresh &= Q(received_at__lte=now - overdue_by)
    return InboxBatch.objects.filter(fresh | Q(not_before__lte=now)).exists()


def _within_budget(
    cursor: psycopg.ServerCursor[tuple[object, ...]], max_batches: int, max_bytes: int
) -> tuple[list[InboxBatch], bool]:
    batches: list[InboxBatch] = []
    wanted = min(_FETCH, max_batches)
    while wanted > 0:
        rows = cursor.fetchmany(wanted)
        batches += [InboxBatch.from_db(None, _COLUMNS, row) for row in rows]
        if len(rows) < wanted:
            return batches, False
        size = sum(batch.size for batch in batches)
        room = (max_bytes - size) * len(batches) // max(size, 1)
        wanted = min(room, max_batches - len(batches))
    return batches, True
