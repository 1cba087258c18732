"""Deleting archive files, and records out of them.

A file is never changed: a new one takes its place in age, and the old is dropped. What
is dropped goes later, since it may still be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from django.db import transaction

from monitoring.models import ArchiveFile
from monitoring.store import archive, archive_reads, parquet, vault
from monitoring.store.connection import execute, fetch
from monitoring.store.deletion import Step, day_of
from monitoring.store.tombstones import METRICS, Tombstone

# A file may still be read by who has found it in the manifest this long ago.
LINGER = timedelta(minutes=10)
# Whoever writes a file for longer than this is dead.
WRITING = timedelta(hours=1)


def youngest_file(organization_id: int) -> int:
    """Return the greatest age of the organization's archive files."""
    files = ArchiveFile.objects.filter(organization_id=organization_id)
    newest = files.order_by("-pk").values_list("pk", flat=True).first()
    return newest or 0


def drop_files(
    organization_id: int, signal: str, *, before: date, now: datetime
) -> int:
    """Take the files of all earlier days out of the manifest; return their number."""
    files = ArchiveFile.objects.filter(
        organization_id=organization_id,
        signal=signal,
        day__lt=before,
        status=ArchiveFile.Status.STORED,
    )
    return files.update(status=ArchiveFile.Status.DROPPED, changed_at=now)


def drop_orphans(now: datetime) -> int:
    """Take the files of deleted organizations out of the manifest."""
    return execute(
        "UPDATE monitoring_archivefile SET status = 'dropped', changed_at = %s"
        " WHERE status = 'stored' AND organization_id <> ALL"
        " (ARRAY(SELECT id FROM accounts_organization))",
        [now],
    )


def erase_files(
    organization_id: int, signal: str, doom: Tombstone, now: datetime
) -> Iterator[Step]:
    """Delete the doomed records of archive files. Raises VaultError."""
    for pk in _files(organization_id, signal, doom):
        yield _rewrite(pk, doom, now)


def _files(organization_id: int, signal: str, doom: Tombstone) -> list[int]:
    if not len(doom.ids):
        return []
    if signal == METRICS:
        where = "p.max_series >= %s AND p.min_series <= %s"
        more: list[Any] = [int(doom.ids[0]), int(doom.ids[-1])]
    else:
        where, more = "p.ids && %s::bigint[]", [doom.ids.tolist()]
    rows = fetch(
        "SELECT DISTINCT f.id FROM monitoring_archivefile f"  # noqa: S608 - constants
        " JOIN monitoring_archivepiece p ON p.file_id = f.id"
        " WHERE f.organization_id = %s AND f.signal = %s AND f.status = 'stored'"
        " AND f.day BETWEEN %s AND %s AND (%s::bigint IS NULL OR f.age <= %s)"
        f" AND p.max_ts >= %s AND p.min_ts <= %s AND {where} ORDER BY 1",
        [
            organization_id,
            signal,
            day_of(signal, doom.start),
            day_of(signal, doom.end),
            doom.age,
            doom.age,
            doom.start,
            doom.end,
            *more,
        ],
    )
    return [row[0] for row in rows]


def _rewrite(pk: int, doom: Tombstone, now: datetime) -> Step:
    """Put a file without the doomed records in the place of this one."""
    old = ArchiveFile.objects.filter(pk=pk, status=ArchiveFile.Status.STORED).first()
    if old is None:
        return Step(0, 0)
    table = archive_reads.read_file(old.path)
    pieces, records = _kept_pieces(old, table, doom)
    if not records:
        return Step(0, 0)
    new = archive.announce(old.organization_id, old.signal, old.day, now)
    with transaction.atomic():
        rows = ArchiveFile.objects.filter(pk=pk, status=ArchiveFile.Status.STORED)
        if not rows.update(status=ArchiveFile.Status.DROPPED, changed_at=now):
            return Step(0, 0)
        if pieces:
            archive.store(new, pieces, now, age=old.age)
    if not pieces:
        new.delete()
    return Step(1, records)


def _kept_pieces(
    old: ArchiveFile, table: Any, doom: Tombstone
) -> tuple[list[archive.Piece], int]:
    if old.signal == METRICS:
        samples = parquet.samples_of(table)
        hit = doom.doomed(samples.series, samples.ts_ms)
        kept = archive.sample_pieces(old.organization_id, samples.take(~hit))
        return kept, int(np.count_nonzero(hit))
    runs = []
    left = 0
    for stream, lines in parquet.lines_of(table):
        streams = np.full(len(lines), stream, np.int64)
        rest = lines.take(np.flatnonzero(~doom.doomed(streams, lines.ts_ns)))
        left += len(rest)
        if len(rest):
            runs.append((stream, rest))
    return archive.line_pieces(old.organization_id, runs), len(table) - left


def sweep(now: datetime) -> int:
    """Delete files that nothing needs any more; return their number.

    Those are dropped ones, and what died between the upload and the commit.
    Raises VaultError.
    """
    dropped = ArchiveFile.objects.filter(
        status=ArchiveFile.Status.DROPPED, changed_at__lt=now - LINGER
    )
    abandoned = ArchiveFile.objects.filter(
        status=ArchiveFile.Status.WRITING, changed_at__lt=now - WRITING
    )
    swept = 0
    for file in [*dropped, *abandoned]:
        vault.delete(file.path)
        # A writer that is alive after all finds its row gone, and stores nothing.
        deleted, _ = ArchiveFile.objects.filter(pk=file.pk, status=file.status).delete()
        swept += bool(deleted)
    return swept
