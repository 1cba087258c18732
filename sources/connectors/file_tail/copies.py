"""Files that are copies of what was read already.

`copytruncate` and gzip write the lines of a known file into a new one. Where the
pattern names that one too, its lines must not be taken twice, and what the original
lost by the truncation must be taken from it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sources.connectors.file_tail.cursors import FoundFile, find_originals
from sources.connectors.file_tail.tail import Tail
from sources.models import Cursor

# A copy has been written when it has not changed for so long.
SETTLED = timedelta(seconds=5)
_COMPARED_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Start:
    """Where to begin with a new file, and under which name its lines were written."""

    offset: int
    path: str


class CopyFinder:
    """Decides whether new files are copies; remembers those that cannot be told yet."""

    def __init__(
        self, source_id: int, find_tail: Callable[[Cursor], Tail | None]
    ) -> None:
        self._source_id = source_id
        self._find_tail = find_tail
        self._waiting: dict[str, tuple[int, datetime]] = {}

    def start_of(self, file: FoundFile, now: datetime) -> Start | None:
        """Return where to begin with a file, or None while that must wait.

        It waits while its original can still be read: then those lines come from
        there, and only what a truncation takes away has to come from the copy.
        """
        for original in find_originals(self._source_id, file):
            tail = self._find_tail(original)
            if tail is None or tail.is_rewritten():
                if tail is None or _ends_like(file, tail):
                    self._waiting.pop(file.opened.path, None)
                    return Start(_within(file, original.offset), original.path)
            elif _begins_like(file, tail):
                if tail.is_read_to_end() and self._is_settled(file, now):
                    return Start(_within(file, tail.offset), original.path)
                return None
        self._waiting.pop(file.opened.path, None)
        return Start(0, file.shown_path)

    def _is_settled(self, file: FoundFile, now: datetime) -> bool:
        path, size = file.opened.path, file.opened.size
        seen_size, since = self._waiting.get(path, (-1, now))
        if seen_size != size:
            self._waiting[path] = (size, now)
            return False
        if now - since < SETTLED:
            return False
        del self._waiting[path]
        return True


def _within(file: FoundFile, offset: int) -> int:
    return offset if file.is_gzip else min(offset, file.opened.size)


def _begins_like(file: FoundFile, tail: Tail) -> bool:
    """Compare the last bytes of what both have and was read."""
    if file.is_gzip or tail.fd is None:
        return True  # Their equal heads have to do.
    end = min(file.opened.size, tail.offset)
    start = max(0, end - _COMPARED_BYTES)
    theirs = os.pread(tail.fd, end - start, start)
    return theirs == os.pread(file.opened.fd, end - start, start)


def _ends_like(file: FoundFile, tail: Tail) -> bool:
    """Compare with what is remembered of an original that holds other lines now."""
    guard = tail.guard
    if file.is_gzip or guard is None or file.opened.size < tail.offset:
        return True  # Their equal heads have to do.
    start = tail.offset - len(guard)
    return os.pread(file.opened.fd, len(guard), start) == guard
