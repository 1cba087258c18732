"""Which files a source has now: found, followed through renames, and let go."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from sources.connectors.file_tail import cursors
from sources.connectors.file_tail.adoption import Adoption
from sources.connectors.file_tail.globbing import PathPattern
from sources.connectors.file_tail.tail import Tail
from sources.models import Cursor

MAX_FILES = 20_000
# A file that was renamed away or deleted is still read for so long after its last
# change: its writer needs a moment to notice.
LINGER = timedelta(seconds=60)

Key = tuple[int, int]


class Inventory:
    """The tails of one source by file and by path, kept true to the directories."""

    def __init__(
        self, source_id: int, patterns: Sequence[PathPattern], roots: tuple[str, ...]
    ) -> None:
        self.problems: dict[str, str] = {}
        self._source_id = source_id
        self._patterns = patterns
        self._adoption = Adoption(source_id, roots, self.find)
        self._tails: dict[Key, Tail] = {}
        self._by_path: dict[str, Tail] = {}

    def __iter__(self) -> Iterator[Tail]:
        return iter(self._tails.values())

    def __len__(self) -> int:
        return len(self._tails)

    def find(self, cursor: Cursor) -> Tail | None:
        return next((t for t in self if t.cursor.pk == cursor.pk), None)

    def scan(self, now: datetime, *, skip_present: bool = False) -> list[Tail]:
        """Look everywhere; return the tails that may have something new."""
        self.problems.clear()
        self._adoption.skip_present = skip_present
        found = dict.fromkeys(
            path for p in self._patterns for path in p.expand(self._report)
        )
        if len(found) > MAX_FILES:
            self._report(
                f"More than {MAX_FILES:,} files match: only the first are read. "
                "Make the paths more specific."
            )
        paths = [*list(found)[:MAX_FILES], *self._by_path.keys() - found.keys()]
        news = [*self.look_at(paths, now), *self._look_at_lost(now)]
        self._adoption.skip_present = False
        return news

    def look_at(self, paths: Iterable[str], now: datetime) -> list[Tail]:
        """Compare these paths with what was known; return tails with news."""
        news: dict[Tail, None] = {}
        unknown: list[str] = []
        seen: list[tuple[str, os.stat_result | None]] = [(p, _stat(p)) for p in paths]
        for path, status in seen:
            self._leave_if_other(path, status, now, news)
        for path, status in seen:
            if status is None or stat.S_ISDIR(status.st_mode):
                self.problems.pop(path, None)
                continue
            tail = self._tails.get((status.st_dev, status.st_ino))
            if tail is None:
                unknown.append(path)
            elif self._place(tail, path) and tail.has_news(status):
                tail.touch(now)
                news[tail] = None
        wanted = [p for p in unknown if any(x.matches(p) for x in self._patterns)]
        news.update(dict.fromkeys(self._adopt(wanted, now)))
        return list(news)

    def recover(self, now: datetime) -> list[Tail]:
        """Find files that were rotated away unread while nobody was looking."""
        return self._admit(self._adoption.recover(self._tails.keys(), now), now)

    def replace(self, tail: Tail, now: datetime) -> Tail:
        """Begin anew with a file whose content was exchanged."""
        new = self._adoption.renew(tail)
        new.touch(now)
        self._tails[tail.key] = new
        if new.path is not None:
            self._by_path[new.path] = new
        return new

    def release(self, tail: Tail, now: datetime) -> None:
        """Let a file go for good that is no longer where it was."""
        if tail.fd is not None and os.fstat(tail.fd).st_nlink == 0:
            cursors.retire(tail.cursor, now)
        self.drop(tail)

    def drop(self, tail: Tail) -> None:
        tail.close()
        self._tails.pop(tail.key, None)
        if tail.path is not None:
            self._by_path.pop(tail.path, None)

    def forget_old(self, now: datetime) -> None:
        in_use = [tail.cursor.pk for tail in self]
        cursors.forget_old(self._source_id, in_use, now)

    def close(self) -> None:
        for tail in list(self):
            self.drop(tail)

    def _report(self, problem: str) -> None:
        self.problems[problem] = problem

    def _leave_if_other(
        self,
        path: str,
        status: os.stat_result | None,
        now: datetime,
        news: dict[Tail, None],
    ) -> None:
        """Note that a tail's file has gone from its path: it is to be read to its end."""
        tail = self._by_path.get(path)
        if tail is None:
            return
        if status is not None and (status.st_dev, status.st_ino) == tail.key:
            return
        del self._by_path[path]
        tail.move(None)
        tail.touch(now)
        news[tail] = None

    def _place(self, tail: Tail, path: str) -> bool:
        """Remember where a file is; whether this is the name it is read under."""
        if tail.path is None:
            tail.move(path)
            self._by_path[path] = tail
        return tail.path == path

    def _look_at_lost(self, now: datetime) -> list[Tail]:
        news = []
        for tail in [tail for tail in self if tail.path is None]:
            if tail.fd is not None and tail.has_news(os.fstat(tail.fd)):
                tail.touch(now)
                news.append(tail)
        return news

    def _adopt(self, paths: Sequence[str], now: datetime) -> list[Tail]:
        tails: list[Tail] = []
        for start in range(0, len(paths), self._adoption.at_once):
            some = paths[start : start + self._adoption.at_once]
            adopted = self._adoption.adopt(some, self._tails.keys(), self.problems, now)
            tails += self._admit(adopted, now)
        return tails

    def _admit(self, tails: Iterable[Tail], now: datetime) -> list[Tail]:
        admitted = []
        for tail in tails:
            tail.touch(now)
            self._tails[tail.key] = tail
            if tail.path is not None:
                self._by_path[tail.path] = tail
            admitted.append(tail)
        return admitted


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 - thousands of paths: no object for each
    except OSError:
        return None
