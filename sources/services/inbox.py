"""The only way into the inbox: what `deposit` has returned from is accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import psycopg
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from sources.models import BatchKind, Cursor, IngestReceipt, SourceStream
from sources.services.backlog import BacklogFullError, backlog
from sources.services.nudges import nudge
from sources.services.state import update_state

__all__ = [
    "INSERT_PREPARED",
    "Arrival",
    "BacklogFullError",
    "CursorAdvance",
    "CursorConflictError",
    "DuplicateReceiptError",
    "Receipt",
    "StreamMove",
    "counts_of",
    "deposit",
    "find_receipt",
    "row_of",
]


class CursorConflictError(Exception):
    """Another reader has advanced the file or stream meanwhile; nothing was taken."""


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
class StreamMove:
    """A stream has been read up to the position; `moves` is how often it had moved."""

    source_id: int
    moves: int
    position: Mapping[str, Any]


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
    moves: Sequence[StreamMove] = (),
    receipts: Sequence[Receipt] = (),
    wake: bool = True,
    beyond_limit: bool = False,
) -> None:
    """Store everything in one transaction, or nothing, and wake the workers.

    Who deposits in quick succession wakes them himself, after the last of them. What
    would be lost otherwise may go beyond the limit of the backlog.
    Raises BacklogFullError, CursorConflictError, DuplicateReceiptError.
    """
    counts = counts_of(arrivals)
    if not beyond_limit:
        backlog.check(counts)
    # A single statement is a transaction of its own: two round trips less a push.
    alone = not (receipts or advances or moves or any(a.rejected for a in arrivals))
    with nullcontext() if alone else transaction.atomic():
        _keep_receipts(receipts)
        _advance_cursors(advances)
        _move_streams(moves)
        _insert(arrivals)
        _count_rejected(arrivals)
        if arrivals and wake:
            transaction.on_commit(nudge)
    backlog.add(counts)


def find_receipt(organization_id: int, key: str) -> dict[str, Any] | None:
    """Return what was answered to the push of that key, or None."""
    receipts = IngestReceipt.objects.filter(organization_id=organization_id, key=key)
    answer: dict[str, Any] | None = receipts.values_list("answer", flat=True).first()
    return answer


def counts_of(arrivals: Sequence[Arrival]) -> dict[int, int]:
    """Return how many records come to each organization."""
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


def _insert(arrivals: Sequence[Arrival]) -> None:
    """Write all rows in one statement; payloads travel as they are, not as text."""
    if not arrivals:
        return
    connection.ensure_connection()
    rows = [row_of(arrival) for arrival in arrivals]
    with (
        connection.wrap_database_errors,
        psycopg.Cursor(connection.connection) as cursor,
    ):
        if len(rows) == 1:
            cursor.execute(_INSERT_ONE, rows[0])
        else:
            cursor.execute(
                _INSERT_MANY, [list(column) for column in zip(*rows, strict=True)]
            )


def row_of(arrival: Arrival) -> tuple[object, ...]:
    """Return the values that INSERT_PREPARED takes."""
    return (
        arrival.organization_id,
        arrival.source_id,
        arrival.team_id,
        arrival.priority,
        arrival.kind.value,
        arrival.payload,
        arrival.count,
        arrival.size,
        arrival.received_at,
    )


_INSERT = """
INSERT INTO sources_inboxbatch (
    organization_id, source_id, team_id, priority, kind, payload, count, size,
    received_at, attempts, last_error)
"""
INSERT_PREPARED = f"{_INSERT} VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, '')"
# Arrays cost both sides a tenth of a millisecond, which one row can do without.
_INSERT_ONE = f"{_INSERT} VALUES (%s, %s, %s, %s, %s, %b, %s, %s, %s, 0, '')"
_INSERT_MANY = f"""{_INSERT}
SELECT *, 0, '' FROM unnest(
    %s::bigint[], %s::bigint[], %s::bigint[], %s::smallint[], %s::text[], %b::bytea[],
    %s::int[], %s::int[], %s::timestamptz[])
"""  # noqa: S608 - a constant


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


def _move_streams(moves: Sequence[StreamMove]) -> None:
    for move in sorted(moves, key=lambda m: m.source_id):
        streams = SourceStream.objects.filter(
            source_id=move.source_id, moves=move.moves
        )
        if not streams.update(position=move.position, moves=F("moves") + 1):
            raise CursorConflictError(f"stream {move.source_id} has moved meanwhile")


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
