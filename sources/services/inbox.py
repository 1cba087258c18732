"""The only way into the inbox: what `deposit` has returned from is accepted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from sources.models import BatchKind, Cursor, InboxBatch, IngestReceipt
from sources.services.backlog import BacklogFullError, backlog
from sources.services.nudges import nudge
from sources.services.state import update_state

__all__ = [
    "Arrival",
    "BacklogFullError",
    "CursorAdvance",
    "CursorConflictError",
    "DuplicateReceiptError",
    "Receipt",
    "deposit",
    "find_receipt",
]


class CursorConflictError(Exception):
    """Another reader has advanced the file meanwhile; nothing was taken."""


class DuplicateReceiptError(Exception):
    """A push of the same key was taken before; nothing of this deposit was."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One encoded batch on its way in; `size` is its raw telemetry in bytes.

    `rejected` records came with it and were refused: the source counts them.
    """

    organization_id: int
    source_id: int | None
    team_id: int | None
    priority: int
    kind: BatchKind
    payload: bytes
    count: int
    size: int
    received_at: datetime
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class CursorAdvance:
    cursor_id: int
    old_offset: int
    new_offset: int
    path: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is answered to a push, kept so that its repetition is answered the same."""

    organization_id: int
    key: str
    answer: dict[str, Any]
    created_at: datetime


def deposit(
    arrivals: Sequence[Arrival],
    *,
    advances: Sequence[CursorAdvance] = (),
    receipts: Sequence[Receipt] = (),
) -> None:
    """Store everything in one transaction, or nothing, and wake the workers.

    Raises BacklogFullError, CursorConflictError, DuplicateReceiptError.
    """
    counts = _counts(arrivals)
    backlog.check(counts)
    with transaction.atomic():
        _keep_receipts(receipts)
        _advance_cursors(advances)
        InboxBatch.objects.bulk_create([_row(arrival) for arrival in arrivals])
        _count_rejected(arrivals)
        if arrivals:
            transaction.on_commit(nudge)
    backlog.add(counts)


def find_receipt(organization_id: int, key: str) -> dict[str, Any] | None:
    """Return what was answered to the push of that key, or None."""
    receipts = IngestReceipt.objects.filter(organization_id=organization_id, key=key)
    answer: dict[str, Any] | None = receipts.values_list("answer", flat=True).first()
    return answer


def _counts(arrivals: Sequence[Arrival]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for arrival in arrivals:
        counts.setdefault(arrival.organization_id, 0)
        counts[arrival.organization_id] += arrival.count
    return counts


def _count_rejected(arrivals: Sequence[Arrival]) -> None:
    sums: dict[int, int] = {}
    for arrival in arrivals:
        if arrival.source_id is not None and arrival.rejected:
            sums.setdefault(arrival.source_id, 0)
            sums[arrival.source_id] += arrival.rejected
    for source_id, count in sorted(sums.items()):
        update_state(source_id, {"rejected_total": F("rejected_total") + count})


def _row(arrival: Arrival) -> InboxBatch:
    return InboxBatch(
        organization_id=arrival.organization_id,
        source_id=arrival.source_id,
        team_id=arrival.team_id,
        priority=arrival.priority,
        kind=arrival.kind,
        payload=arrival.payload,
        count=arrival.count,
        size=arrival.size,
        received_at=arrival.received_at,
    )


def _advance_cursors(advances: Sequence[CursorAdvance]) -> None:
    """Ordered by id, so that two deposits never wait for each other."""
    for advance in sorted(advances, key=lambda a: (a.cursor_id, a.old_offset)):
        cursors = Cursor.objects.filter(pk=advance.cursor_id, offset=advance.old_offset)
        moved = cursors.update(
            offset=advance.new_offset, path=advance.path, updated_at=Now()
        )
        if not moved:
            raise CursorConflictError(
                f"{advance.path} is no longer at {advance.old_offset}"
            )


def _keep_receipts(receipts: Sequence[Receipt]) -> None:
    """A concurrent push of the same key waits here for the first one's commit."""
    for receipt in sorted(receipts, key=lambda r: (r.organization_id, r.key)):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO sources_ingestreceipt"
                " (organization_id, key, answer, created_at) VALUES (%s, %s, %s::jsonb, %s)"
                " ON CONFLICT (organization_id, key) DO NOTHING",
                [
                    receipt.organization_id,
                    receipt.key,
                    orjson.dumps(receipt.answer).decode(),
                    receipt.created_at,
                ],
            )
            if cursor.rowcount == 0:
                raise DuplicateReceiptError(receipt.key)
