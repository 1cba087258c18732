"""Which files have been read, and how far: the Cursor rows of one source."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import models, transaction

from sources.connectors.file_tail.roots import OpenedFile
from sources.models import Cursor, Source

HEAD_BYTES = 1024
KEPT_FOR = timedelta(days=30)
_ARCHIVE_NUMBERS = 20
_DATE = re.compile(r"[-_.]\d{8}(?:[-_T]?\d{2,6})?(?=\.|\Z)")


@dataclass(frozen=True, slots=True)
class Head:
    """What a file begins with: its identity beside the inode, which gets reused.

    It grows with the file up to HEAD_BYTES, so equality is asked of as many bytes
    as were known before.
    """

    length: int
    hash: str

    @classmethod
    def of(cls, data: bytes) -> Head:
        data = data[:HEAD_BYTES]
        return cls(len(data), hashlib.blake2b(data, digest_size=32).hexdigest())

    @classmethod
    def of_cursor(cls, cursor: Cursor) -> Head:
        return cls(cursor.head_length, cursor.head_hash)

    def fits(self, data: bytes) -> bool:
        """Whether a file that begins with `data` can be the one this was taken of."""
        return len(data) >= self.length and Head.of(data[: self.length]) == self


@dataclass(slots=True)
class FoundFile:
    """An opened file and its first bytes; gzip'd ones also have those they hold."""

    opened: OpenedFile
    head: bytes
    plain_head: bytes
    is_gzip: bool
    shown_path: str

    @property
    def key(self) -> tuple[int, int]:
        return (self.opened.device, self.opened.inode)


def shown(path: str) -> str:
    """Return a path as text that can be stored: file names may be any bytes."""
    return os.fsencode(path).decode("utf-8", "replace")[:4096]


def find_known(
    source_id: int, files: Sequence[FoundFile], *, ended: int | None = None
) -> dict[int, Cursor]:
    """Return the cursors of files that were read before, by index in `files`."""
    rows = _by_inode(source_id, [file.opened.inode for file in files])
    known = {}
    for index, file in enumerate(files):
        for cursor in rows.get(file.key, []):
            if cursor.pk != ended and is_continued(cursor, file):
                known[index] = cursor
                break
    return known


def is_continued(cursor: Cursor, file: FoundFile) -> bool:
    """Whether this cursor's file is this one, and not cut short since."""
    uncut = file.is_gzip or cursor.offset <= file.opened.size
    return uncut and Head.of_cursor(cursor).fits(file.head)


def _by_inode(
    source_id: int, inodes: Iterable[int]
) -> dict[tuple[int, int], list[Cursor]]:
    """Return the latest generation of each inode first."""
    rows: dict[tuple[int, int], list[Cursor]] = {}
    wanted = Cursor.objects.filter(source_id=source_id, inode__in=list(inodes))
    for cursor in wanted.order_by("-id"):
        rows.setdefault((cursor.device, int(cursor.inode)), []).append(cursor)
    return rows


def find_originals(source_id: int, file: FoundFile) -> list[Cursor]:
    """Return cursors of files whose copy this may be, the latest first.

    `cp app.log app.log.1` before a truncation, and gzip afterwards, make new files
    of lines that were read already. A copy is named like its original, with more
    behind it, and begins like it.
    """
    rows = Cursor.objects.filter(
        source_id=source_id,
        path__in=original_names(file.shown_path),
        head_length__gt=0,
        offset__gt=0,
    ).order_by("-id")
    return [row for row in rows if Head.of_cursor(row).fits(file.plain_head)]


def original_names(path: str) -> list[str]:
    """Return the paths that a file may be a rotated copy of."""
    directory, name = os.path.split(path)
    names = _shorter_names(name)
    if name.endswith(".gz"):
        # app.log.1 becomes app.log.2.gz: every number of the family is possible.
        names += [f"{n}.{i}" for n in list(names) for i in range(_ARCHIVE_NUMBERS)]
    return [os.path.join(directory, n) for n in dict.fromkeys(names)]  # noqa: PTH118 - names are strings here


def _shorter_names(name: str) -> list[str]:
    names = [name[:i] for i, char in enumerate(name) if i and char in ".-_"]
    undated = _DATE.sub("", name.removesuffix(".gz"))
    return [n for n in (*names, undated) if n != name]


def create(
    source_id: int,
    files: Sequence[FoundFile],
    offsets: Sequence[int],
    *,
    ended: int | None = None,
) -> list[Cursor]:
    """Create cursors for files that are read for the first time, or anew.

    Only one collector creates at a time, and looks again before it does: another may
    have begun with the same file a moment ago. `ended` is the cursor of the previous
    generation, of which nothing is to be read any more.
    """
    with transaction.atomic():
        Source.unscoped.select_for_update(no_key=True).get(pk=source_id)
        known = find_known(source_id, files, ended=ended)
        new = [i for i in range(len(files)) if i not in known]
        _forget_same(source_id, [files[i] for i in new])
        rows = [_row(source_id, files[i], offsets[i]) for i in new]
        known.update(zip(new, Cursor.objects.bulk_create(rows), strict=True))
    return [known[i] for i in range(len(files))]


def _forget_same(source_id: int, files: Sequence[FoundFile]) -> None:
    """Remove finished generations that look like what begins again now."""
    same = models.Q()
    for file in files:
        head = Head.of(file.head)
        same |= models.Q(
            device=file.opened.device,
            inode=file.opened.inode,
            head_length=head.length,
            head_hash=head.hash,
        )
    if files:
        Cursor.objects.filter(same, source_id=source_id).delete()


def _row(source_id: int, file: FoundFile, offset: int) -> Cursor:
    head = Head.of(file.head)
    return Cursor(
        source_id=source_id,
        path=file.shown_path,
        device=file.opened.device,
        inode=file.opened.inode,
        head_length=head.length,
        head_hash=head.hash,
        offset=offset,
    )


def grow_head(cursor: Cursor, head: Head) -> bool:
    """Remember more of a file's first bytes; whether the cursor was still there."""
    with transaction.atomic():
        Cursor.objects.filter(
            source_id=cursor.source_id,
            device=cursor.device,
            inode=cursor.inode,
            head_length=head.length,
            head_hash=head.hash,
        ).exclude(pk=cursor.pk).delete()
        grown = Cursor.objects.filter(
            pk=cursor.pk, head_length=cursor.head_length, head_hash=cursor.head_hash
        ).update(head_length=head.length, head_hash=head.hash)
    cursor.head_length, cursor.head_hash = head.length, head.hash
    return grown == 1


def retire(cursor: Cursor, now: datetime) -> None:
    """Take the inode of a deleted file out of its cursor, because it gets reused.

    The row itself still tells a gzip'd copy what was read.
    """
    Cursor.objects.filter(pk=cursor.pk).update(device=-cursor.pk, updated_at=now)


def forget_old(source_id: int, in_use: Iterable[int], now: datetime) -> None:
    """Delete cursors of files that have been gone for long."""
    old = Cursor.objects.filter(source_id=source_id, updated_at__lt=now - KEPT_FOR)
    old.exclude(pk__in=list(in_use)).delete()


def latest_of_each(source_id: int, now: datetime) -> dict[tuple[int, int], Cursor]:
    """Return the latest cursor of each file that was read within KEPT_FOR."""
    rows = Cursor.objects.filter(
        source_id=source_id, device__gte=0, updated_at__gte=now - KEPT_FOR
    )
    return {(row.device, int(row.inode)): row for row in rows.order_by("id")}
