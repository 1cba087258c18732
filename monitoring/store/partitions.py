"""Day partitions of the block tables: made before they are needed, dropped by age.

Partitions are made and dropped on a connection of their own. The caller's transaction
thus holds no lock on a table's shape, and none of it is undone by a rollback.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from monitoring.store.connection import execute, fetch, separate

SAMPLES = "monitoring_sampleblock"
LOGS = "monitoring_logblock"
TABLES = (SAMPLES, LOGS)

# Nothing may lie outside, or before what is kept: a sender with a broken clock must not
# make tables at will.
OLDEST = timedelta(days=400)
NEWEST = timedelta(days=2)

# A merge leaves few dead rows, of megabytes each: their space is needed for the next
# ones. PostgreSQL would by itself wait for a fifth of the table to be dead.
_TIDY = """
    autovacuum_vacuum_threshold = 16, autovacuum_vacuum_scale_factor = 0.02,
    toast.autovacuum_vacuum_threshold = 2000,
    toast.autovacuum_vacuum_scale_factor = 0.02
"""

_known: set[date] = set()

_EXISTING = """
SELECT child.relname, parent.relname, i.inhdetachpending
FROM pg_class child
LEFT JOIN pg_inherits i ON i.inhrelid = child.oid
LEFT JOIN pg_class parent ON parent.oid = i.inhparent
WHERE child.relkind = 'r' AND child.relnamespace = current_schema()::regnamespace
  AND child.relname ~ '^monitoring_(sample|log)block_[0-9]{8}$'
"""


class DayOutOfRangeError(ValueError):
    """A day for which no partition is made."""


def ensure(days: Iterable[date], *, now: datetime) -> None:
    """Make the partitions of these days where they are missing.

    Raises DayOutOfRangeError. Costs nothing for a day seen before by this process.
    """
    missing = sorted(set(days) - _known)
    if not missing:
        return
    _check(missing, now)
    there = {name for name, parent, _pending in fetch(_EXISTING, ()) if parent}
    absent = [
        (table, day)
        for day in missing
        for table in TABLES
        if partition_name(table, day) not in there
    ]
    if absent:
        _create(absent)
    _known.update(missing)


def partition_name(table: str, day: date) -> str:
    return f"{table}_{day:%Y%m%d}"


def forget() -> None:
    """Look again at what exists: after a drop, or in another database."""
    _known.clear()


def _check(days: list[date], now: datetime) -> None:
    kept = max(
        settings.METRIC_RETENTION_DAYS,
        settings.LOG_RETENTION_DAYS,
        settings.MAX_RETENTION_DAYS,
    )
    oldest = max(OLDEST, timedelta(days=kept + 1))
    first, last = (now - oldest).date(), (now + NEWEST).date()
    for day in days:
        if not first <= day <= last:
            raise DayOutOfRangeError(f"{day} is not between {first} and {last}")


def _create(absent: list[tuple[str, date]]) -> None:
    """ATTACH takes a weaker lock on the parent than CREATE … PARTITION OF would."""
    with separate() as other, other.cursor() as cursor:
        for table, day in absent:
            name, end = partition_name(table, day), day + timedelta(days=1)
            cursor.execute("BEGIN")
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [table])
            cursor.execute("SELECT to_regclass(%s)", [name])
            if cursor.fetchone() == (None,):
                cursor.execute(
                    f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL) WITH ({_TIDY})"
                )
                cursor.execute(
                    f"ALTER TABLE {table} ATTACH PARTITION {name}"
                    f" FOR VALUES FROM ('{day}') TO ('{end}')"
                )
            cursor.execute("COMMIT")


def drop_before(table: str, day: date) -> int:
    """Drop the table's partitions of all earlier days; return their number.

    Readers are not held up: a partition is detached concurrently and dropped when
    nobody can see it any more. What a crash left half done is finished first.
    """
    first_kept = partition_name(table, day)
    old = [
        (name, parent, bool(pending))
        for name, parent, pending in fetch(_EXISTING, ())
        # Names of one table sort by day.
        if name.startswith(f"{table}_") and name < first_kept
    ]
    with separate() as other:
        for name, parent, pending in old:
            _drop(other, name, parent, pending=pending)
    forget()
    return len(old)


def _drop(
    other: BaseDatabaseWrapper, name: str, parent: str | None, *, pending: bool
) -> None:
    with other.cursor() as cursor:
        if parent:
            how = "FINALIZE" if pending else "CONCURRENTLY"
            cursor.execute(f"ALTER TABLE {parent} DETACH PARTITION {name} {how}")
        cursor.execute(f"DROP TABLE {name}")


def delete_orphans() -> int:
    """Delete the blocks of organizations that are gone; return their number."""
    return sum(
        execute(
            f"DELETE FROM {table} b WHERE organization_id <> ALL"  # noqa: S608 - constants
            " (ARRAY(SELECT id FROM accounts_organization))",
            (),
        )
        for table in TABLES
    )
