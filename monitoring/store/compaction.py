"""Compaction: many small blocks become few large ones, a merge a transaction.

What a reader sees never changes: a merge deletes its sources and inserts the result in
one commit, and every read is one snapshot. One compaction at a time works for an
organization; another gives up at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction

from monitoring.store.connection import Row, execute, fetch
from monitoring.store.interface import SourcesGoneError
from monitoring.store.tombstones import frozen

# So many blocks of one size make it worth while to merge them.
FAN_IN = 8
# What one merge may load.
MAX_MERGED_SAMPLES = 4_000_000
# A day is over when it has been past for this long.
GRACE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A block that may be merged."""

    id: int
    count: int


def tier(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return which of the candidates, oldest first, are to be merged; none: not yet.

    A block's class grows with the logarithm of its size. Enough blocks of a class are
    merged together with all younger ones, so that a record is rewritten only a few
    times and the order of age is kept.
    """
    by_class: dict[int, list[int]] = {}
    for index, candidate in enumerate(candidates):
        by_class.setdefault(_class_of(candidate.count), []).append(index)
    for _size, indexes in sorted(by_class.items(), reverse=True):
        if len(indexes) >= FAN_IN:
            return list(candidates[indexes[0] :])
    return []


def _class_of(count: int) -> int:
    """0 for 1 to 7, 1 for 8 to 63, and so on."""
    return (max(count, 1).bit_length() - 1) // 3


def up_to(candidates: Sequence[Candidate], most: int) -> list[Candidate]:
    """Return the oldest candidates with at most so many records, and at least one."""
    taken: list[Candidate] = []
    total = 0
    for candidate in candidates:
        total += candidate.count
        if taken and total > most:
            break
        taken.append(candidate)
    return taken


def last_finished_day(now: datetime) -> date:
    return (now - GRACE).date() - timedelta(days=1)


@contextmanager
def merge_alone(organization_id: int) -> Iterator[bool]:
    """Open a transaction and tell whether nobody else compacts for the organization.

    While blocks are to be deleted, nobody does.
    """
    with transaction.atomic():
        ((alone,),) = fetch(
            "SELECT pg_try_advisory_xact_lock("
            "hashtextextended('monitoring.compaction', %s))",
            [organization_id],
        )
        # A statement of its own: it sees what the lock has waited for.
        yield bool(alone) and not frozen(organization_id)


def take_out(table: str, column: str, day: date, ids: Sequence[int]) -> list[Row]:
    """Delete blocks and return (column, id, payload) of each, sorted by column and id.

    Raises SourcesGoneError when one of them is not there, or not free.
    """
    rows = fetch(
        f"SELECT {column}, id, payload FROM {table}"  # noqa: S608 - constants
        " WHERE day = %s AND id = ANY(%s::bigint[])"
        f" ORDER BY {column}, id FOR UPDATE SKIP LOCKED",
        [day, list(ids)],
    )
    if len(rows) != len(ids):
        raise SourcesGoneError(f"{len(ids) - len(rows)} blocks of {table} are gone")
    execute(
        f"DELETE FROM {table} WHERE day = %s AND id = ANY(%s::bigint[])",  # noqa: S608 - constants
        [day, list(ids)],
    )
    return rows


def organizations_to_compact() -> list[int]:
    """Return organizations where somewhere may be enough small blocks to merge."""
    rows = fetch(
        "SELECT organization_id FROM monitoring_sampleblock WHERE level = 0"
        " GROUP BY 1 HAVING count(*) >= %(fan_in)s UNION"
        " SELECT organization_id FROM monitoring_logblock WHERE level = 0"
        " GROUP BY organization_id, stream_id HAVING count(*) >= %(fan_in)s",
        {"fan_in": FAN_IN},
    )
    return [row[0] for row in rows]
