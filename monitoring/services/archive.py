"""Moving old telemetry to the archive, sweeping behind it, and checking it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db.models import Count, Max, Min, Sum

from accounts.models import Organization
from accounts.scope import Scope
from monitoring.models import ArchiveFile, LifecycleState, Signal
from monitoring.services import hindrances
from monitoring.store import archive, archive_deletion, archive_reads, vault
from monitoring.store.archive import Moved
from monitoring.store.compaction import last_finished_day
from monitoring.store.vault import VaultError

__all__ = [
    "Moved",
    "VaultError",
    "archive_all",
    "archive_organization",
    "is_configured",
    "problems",
    "summary",
    "sweep",
]

is_configured = vault.is_configured


def archive_all(now: datetime, *, seconds: float) -> int:
    """Archive for every organization in turn; return the number of records moved.

    Stops when the time is up: what is left is found again. An organization whose
    archiving has failed is left alone for a while.
    """
    deadline = time.monotonic() + seconds
    moved = 0
    for organization_id in Organization.objects.order_by("?").values_list(
        "pk", flat=True
    ):
        work = LifecycleState.Work.ARCHIVE
        if not hindrances.may_try(organization_id, work, now=now):
            continue
        with hindrances.noted(organization_id, work, now=now):
            for step in archive_organization(organization_id, now):
                moved += step.records
                if time.monotonic() > deadline:
                    return moved
    return moved


def archive_organization(organization_id: int, now: datetime) -> Iterator[Moved]:
    """Archive what is old enough, a file at a time. Raises VaultError.

    Only finished days are: of a day that is going on, blocks are still merged.
    """
    before = min(
        (now - timedelta(days=settings.ARCHIVE_AFTER_DAYS)).date(),
        last_finished_day(now) + timedelta(days=1),
    )
    for signal in Signal.values:
        yield from archive.move(organization_id, signal, before=before, now=now)


def sweep(now: datetime) -> int:
    """Delete files that nothing needs any more. Raises VaultError."""
    return archive_deletion.sweep(now) if is_configured() else 0


@dataclass(frozen=True, slots=True)
class Archived:
    """What of a signal is in the archive."""

    signal: str
    files: int
    rows: int
    bytes: int
    oldest: date | None
    newest: date | None


def summary(scope: Scope) -> list[Archived]:
    """Return what of the organization's is in the archive."""
    stored = ArchiveFile.objects.filter(
        organization_id=scope.organization_id, status=ArchiveFile.Status.STORED
    )
    by_signal = stored.order_by("signal").values_list("signal")
    totals = by_signal.annotate(
        Count("pk"), Sum("rows"), Sum("size"), Min("day"), Max("day")
    )
    return [Archived(*row) for row in totals]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a file of the archive."""

    path: str
    text: str


def problems(organization_id: int | None = None) -> Iterator[Problem]:
    """Compare the manifest with the files, each of which is read. Raises VaultError."""
    found = vault.files()
    known = ArchiveFile.objects.order_by("path")
    stored = known.filter(status=ArchiveFile.Status.STORED)
    if organization_id is not None:
        stored = stored.filter(organization_id=organization_id)
    for file in stored:
        if file.path not in found:
            yield Problem(file.path, "is missing")
        elif (text := _fault(file, found[file.path])) is not None:
            yield Problem(file.path, text)
    everything = set(known.values_list("path", flat=True))
    for path in sorted(set(found) - everything):
        if path.removesuffix(vault.PART) not in everything:
            yield Problem(path, "is in no manifest")


def _fault(file: ArchiveFile, size: int) -> str | None:
    if size != file.size:
        return f"has {size} bytes instead of {file.size}"
    try:
        rows = len(archive_reads.read_file(file.path))
    except VaultError as error:
        return str(error)
    return None if rows == file.rows else f"has {rows} rows instead of {file.rows}"
