"""Taking batches out of the inbox: each for one worker, the most urgent first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from django.db.models import Q, QuerySet

from sources.models import InboxBatch

# What one drain takes at most: it all is in memory at once, and locked.
MAX_BATCHES = 500
MAX_BYTES = 16 * 2**20
# Rows fetched, and so locked, at a time: the byte budget is overrun by these at most.
_FETCH = 8


def claim_fresh(*, max_batches: int, max_bytes: int = MAX_BYTES) -> list[InboxBatch]:
    """Lock and return batches that were never tried; call it in a transaction.

    What other workers hold is passed over. A server-side cursor locks row by row, so
    that what is beyond the budget stays free for others.
    """
    fresh = InboxBatch.objects.filter(attempts=0).order_by("priority", "id")
    return list(_within_budget(fresh, max_batches, max_bytes))


def claim_one(batch_id: int) -> InboxBatch | None:
    """Lock and return the batch, unless it is gone or held by another worker."""
    batches = InboxBatch.objects.select_for_update(skip_locked=True)
    return batches.filter(pk=batch_id).first()


def due_again(now: datetime) -> list[int]:
    """Return the ids of failed batches whose back-off is over."""
    failed = InboxBatch.objects.filter(attempts__gt=0, not_before__lte=now)
    return list(failed.order_by("priority", "id").values_list("pk", flat=True)[:100])


def anything_waits(now: datetime) -> bool:
    """Whether a drain would find work."""
    ready = Q(attempts=0) | Q(not_before__lte=now)
    return InboxBatch.objects.filter(ready).exists()


def _within_budget(
    rows: QuerySet[InboxBatch], max_batches: int, max_bytes: int
) -> Iterator[InboxBatch]:
    fetch = min(_FETCH, max_batches)
    locked = rows.select_for_update(skip_locked=True)[:max_batches]
    cursor = locked.iterator(chunk_size=fetch)
    size = 0
    while chunk := list(islice(cursor, fetch)):
        yield from chunk
        size += sum(batch.size for batch in chunk)
        if size >= max_bytes:
            return
