"""Which days of an organization hold blocks or archive files, and how much."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from monitoring.store import partitions
from monitoring.store.blocks import Int64s, decode_samples
from monitoring.store.connection import fetch
from monitoring.store.tombstones import METRICS, is_among

_TABLES = {METRICS: partitions.SAMPLES, "logs": partitions.LOGS}

# So many blocks of an estimate are looked into; the rest count by their series.
MAX_DECODED = 100


@dataclass(frozen=True, slots=True)
class StoredDay:
    """`youngest_block` and `youngest_file` grow when something is added to the day."""

    day: date
    youngest_block: int
    youngest_file: int


@dataclass(frozen=True, slots=True)
class Amount:
    """How much would be deleted; `bytes` are those on the disk, and estimated."""

    records: int
    bytes: int
    exact: bool

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            self.records + other.records,
            self.bytes + other.bytes,
            self.exact and other.exact,
        )


NOTHING = Amount(0, 0, exact=True)


def stored_days(organization_id: int, signal: str, *, before: date) -> list[StoredDay]:
    """Return the days before then that have something, the oldest first."""
    age = "appended" if signal == METRICS else "id"
    rows = fetch(
        "SELECT day, max(block)::bigint, max(file)::bigint FROM ("  # noqa: S608 - constants
        f" SELECT day, {age} AS block, 0 AS file FROM {_TABLES[signal]}"
        " WHERE organization_id = %(organization)s AND day < %(before)s"
        " UNION ALL SELECT day, 0, id FROM monitoring_archivefile WHERE"
        " organization_id = %(organization)s AND day < %(before)s"
        " AND signal = %(signal)s AND status = 'stored') AS stored"
        " GROUP BY day ORDER BY day",
        {"organization": organization_id, "before": before, "signal": signal},
    )
    return [StoredDay(*row) for row in rows]


def amount(organization_id: int, signal: str, day: date, ids: Int64s) -> Amount:
    """Return how much of a day these series or streams (ids, sorted) make up."""
    if not len(ids):
        return NOTHING
    stored = _of_samples if signal == METRICS else _of_lines
    return stored(organization_id, day, ids) + _of_files(
        organization_id, signal, day, ids
    )


def _of_lines(organization_id: int, day: date, ids: Int64s) -> Amount:
    ((count, size),) = fetch(
        "SELECT coalesce(sum(count), 0)::bigint,"
        " coalesce(sum(octet_length(payload)), 0)::bigint FROM monitoring_logblock"
        " WHERE organization_id = %s AND day = %s AND stream_id = ANY(%s::bigint[])",
        [organization_id, day, ids.tolist()],
    )
    return Amount(count, size, exact=True)


def _of_samples(organization_id: int, day: date, ids: Int64s) -> Amount:
    rows = fetch(
        "SELECT id, count, octet_length(payload), min_series, max_series"
        " FROM monitoring_sampleblock WHERE organization_id = %s AND day = %s"
        " AND max_series >= %s AND min_series <= %s ORDER BY count DESC",
        [organization_id, day, int(ids[0]), int(ids[-1])],
    )
    found = NOTHING
    for number, (block_id, count, size, first, last) in enumerate(rows):
        if number < MAX_DECODED:
            doomed = _doomed_of(day, block_id, ids)
        else:
            share = ((ids >= first) & (ids <= last)).sum() / (last - first + 1)
            doomed = int(count * share)
        found += Amount(doomed, size * doomed // count, number < MAX_DECODED)
    return found


def _doomed_of(day: date, block_id: int, ids: Int64s) -> int:
    rows = fetch(
        "SELECT payload FROM monitoring_sampleblock WHERE day = %s AND id = %s",
        [day, block_id],
    )
    return sum(int(is_among(decode_samples(row[0]).series, ids).sum()) for row in rows)


def _of_files(organization_id: int, signal: str, day: date, ids: Int64s) -> Amount:
    """By the share of the ids in each piece: files are not read for an estimate."""
    rows = fetch(
        "SELECT f.size, f.rows, p.count, p.ids, p.min_series, p.max_series"
        " FROM monitoring_archivefile f JOIN monitoring_archivepiece p"
        " ON p.file_id = f.id WHERE f.organization_id = %s AND f.signal = %s"
        " AND f.day = %s AND f.status = 'stored'",
        [organization_id, signal, day],
    )
    found = NOTHING
    for size, every, count, streams, first, last in rows:
        if signal == METRICS:
            inside = int(((ids >= first) & (ids <= last)).sum())
            share = inside / (last - first + 1)
        else:
            share = len(set(streams).intersection(ids.tolist())) / len(streams)
        doomed = int(count * share)
        found += Amount(doomed, int(size * doomed / every), share in {0.0, 1.0})
    return found
