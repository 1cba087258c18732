"""Opening files that are not read yet, and deciding where to begin with each."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from datetime import datetime

from sources.connectors.file_tail import cursors
from sources.connectors.file_tail.copies import CopyFinder, Start
from sources.connectors.file_tail.cursors import HEAD_BYTES, FoundFile, shown
from sources.connectors.file_tail.gzipped import MAGIC, GzipTail, plain_head
from sources.connectors.file_tail.roots import OpenedFile, RefusedFileError, open_file
from sources.connectors.file_tail.tail import Tail
from sources.models import Cursor

# An offset behind everything that a compressed file can hold.
_BEHIND_ALL = 2**62

Key = tuple[int, int]
FindTail = Callable[[Cursor], Tail | None]


class Adoption:
    """Turns paths into tails that stand where their cursors say."""

    at_once = 200

    def __init__(
        self, source_id: int, roots: tuple[str, ...], find_tail: FindTail
    ) -> None:
        self.skip_present = False  # begin at the end of what is there already
        self._source_id = source_id
        self._roots = roots
        self._copies = CopyFinder(source_id, find_tail)

    def adopt(
        self,
        paths: Iterable[str],
        known: Collection[Key],
        problems: dict[str, str],
        now: datetime,
    ) -> list[Tail]:
        """Open these paths and return their tails; say of the others why not."""
        files = self._open(paths, known, problems)
        try:
            return self._tails_of(files, now)
        except BaseException:
            for file in files:
                os.close(file.opened.fd)
            raise

    def renew(self, tail: Tail) -> Tail:
        """Return a tail that begins anew with the same open file."""
        fd = os.dup(tail.fd) if tail.fd is not None else -1
        status = os.fstat(fd)
        opened = OpenedFile(
            path=tail.path or tail.origin,
            real_path=tail.real_path,
            fd=fd,
            device=tail.key[0],
            inode=tail.key[1],
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
        )
        try:
            file = _inspect(opened, shown_path=tail.origin)
            ended = tail.cursor.pk
            [cursor] = cursors.create(self._source_id, [file], [0], ended=ended)
        except BaseException:
            os.close(fd)
            raise
        new = _tail(file, cursor)
        new.move(tail.path)
        tail.close()
        return new

    def recover(self, known: Collection[Key], now: datetime) -> list[Tail]:
        """Return tails of files that left their paths with lines unread.

        Rotation keeps a file in its directory: its inode is looked up there.
        """
        rows = cursors.latest_of_each(self._source_id, now)
        missing = {key: row for key, row in rows.items() if key not in known}
        tails = []
        for directory in {os.path.dirname(row.path) for row in missing.values()}:  # noqa: PTH120 - paths are strings here
            for path in _paths_by_inode(directory, {key[1] for key in missing}):
                tail = self._recover_one(path, missing)
                tails += [tail] if tail is not None else []
        return tails

    def _recover_one(self, path: str, missing: dict[Key, Cursor]) -> Tail | None:
        try:
            opened = open_file(path, self._roots)
        except (RefusedFileError, FileNotFoundError):
            return None
        file = _inspect(opened)
        row = missing.pop(file.key, None)
        if row is None or file.is_gzip or not cursors.is_continued(row, file):
            os.close(opened.fd)
            return None
        if row.offset == opened.size:
            os.close(opened.fd)
            return None
        tail = _tail(file, row)
        tail.move(None)
        return tail

    def _open(
        self, paths: Iterable[str], known: Collection[Key], problems: dict[str, str]
    ) -> list[FoundFile]:
        files: dict[Key, FoundFile] = {}
        for path in paths:
            problems.pop(path, None)
            try:
                file = _inspect(open_file(path, self._roots))
            except FileNotFoundError:
                continue
            except RefusedFileError as error:
                problems[path] = str(error)
                continue
            if file.key in known or file.key in files:  # a second name of one file
                os.close(file.opened.fd)
            else:
                files[file.key] = file
        # Of a log and its rotated predecessors the older lines come first.
        return sorted(
            files.values(), key=lambda f: (f.opened.mtime_ns, -len(f.opened.path))
        )

    def _tails_of(self, files: list[FoundFile], now: datetime) -> list[Tail]:
        known = cursors.find_known(self._source_id, files)
        starts = {
            i: self._start_of(file, now)
            for i, file in enumerate(files)
            if i not in known
        }
        new = {i: start for i, start in starts.items() if start is not None}
        for i, start in new.items():
            files[i].shown_path = start.path
        rows = cursors.create(
            self._source_id,
            [files[i] for i in new],
            [start.offset for start in new.values()],
        )
        known.update(zip(new, rows, strict=True))
        for i in starts.keys() - new.keys():
            os.close(files[i].opened.fd)
        return [_tail(files[i], known[i]) for i in sorted(known)]

    def _start_of(self, file: FoundFile, now: datetime) -> Start | None:
        if self.skip_present:
            offset = _BEHIND_ALL if file.is_gzip else _last_line_end(file.opened)
            return Start(offset, file.shown_path)
        return self._copies.start_of(file, now)


def _inspect(opened: OpenedFile, *, shown_path: str | None = None) -> FoundFile:
    try:
        head = os.pread(opened.fd, HEAD_BYTES, 0)
        is_gzip = head.startswith(MAGIC)
        plain = plain_head(opened.fd, HEAD_BYTES) if is_gzip else head
    except OSError as error:
        os.close(opened.fd)
        raise RefusedFileError(
            f"Cannot read {opened.path}: {error.strerror}."
        ) from error
    return FoundFile(opened, head, plain, is_gzip, shown_path or shown(opened.path))


def _tail(file: FoundFile, cursor: Cursor) -> Tail:
    kind = GzipTail if file.is_gzip else Tail
    tail = kind(file.opened.fd, file.key, file.opened.path, cursor)
    tail.real_path = file.opened.real_path
    return tail


def _last_line_end(opened: OpenedFile) -> int:
    """Return the offset behind the last whole line, as far as that is near the end."""
    start = max(0, opened.size - 2**16)
    block = os.pread(opened.fd, opened.size - start, start)
    end = block.rfind(b"\n") + 1
    return start + end if end else opened.size


def _paths_by_inode(directory: str, inodes: set[int]) -> list[str]:
    try:
        with os.scandir(directory) as entries:
            return [entry.path for entry in entries if entry.inode() in inodes]
    except OSError:
        return []
