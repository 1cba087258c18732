"""One file being read: from where it was left, in whole lines, exactly once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime

from typing_extensions import override

from sources.connectors.file_tail.cursors import HEAD_BYTES, Head, shown
from sources.connectors.file_tail.events import last_event_start
from sources.connectors.file_tail.splitting import NO_LINES, Lines, cut_line, split
from sources.models import Cursor

BINARY_PROBE = 8192
_GUARD_BYTES = 256
_SCAN_BYTES = 2**20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class FileChangedError(Exception):
    """What was read is not in the file any more: it was truncated or written anew."""


class BinaryFileError(Exception):
    """The file is not text."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How a source's files are read."""

    encoding: str
    max_line_bytes: int
    joins_lines: bool = False  # keep the lines of one event together
    format_name: str = ""  # says how an event begins
    event_start: str = ""  # says it for a format of the organization's own


def whole_events_end(data: bytes, end: int, limit: int, rules: Rules) -> int:
    """Return where the last event begins, before which all are whole.

    An event that fills a whole read is taken as far as it was read.
    """
    start = last_event_start(
        data[:end],
        encoding=rules.encoding,
        max_bytes=rules.max_line_bytes,
        format_name=rules.format_name,
        event_start=rules.event_start,
    )
    return end if start == 0 and len(data) >= limit else start


@dataclass(slots=True)
class Piece:
    """Whole lines of one file, and where it stands behind them."""

    tail: Tail
    lines: Lines
    old_offset: int
    new_offset: int
    guard: bytes  # the bytes before `new_offset`, to be found there again
    more: bool  # the file had more than was asked for

    @property
    def size(self) -> int:
        return self.new_offset - self.old_offset


class Tail:
    """A plain file. Its offset moves only when its lines have been stored."""

    def __init__(
        self, fd: int, key: tuple[int, int], path: str, cursor: Cursor
    ) -> None:
        self.fd: int | None = fd
        self.key = key
        self.cursor = cursor
        self.offset = cursor.offset
        self.origin = cursor.path  # what it was called when its lines were written
        self.move(path)
        self.real_path = ""  # of its links resolved
        self.seen: tuple[int, int] | None = None  # size and mtime when last read
        self.changed_at: datetime | None = None  # when it was last found changed
        self.is_finished = False  # read to its very end after it was rotated
        self.holds_event = False  # waits for the rest of an event of several lines
        self.guard: bytes | None = None  # the bytes before the offset
        self._no_newline_before = 0

    @override
    def __repr__(self) -> str:
        return f"<Tail {self.path or self.origin}@{self.offset}>"

    def move(self, path: str | None) -> None:
        """Note where the file is now; None: no longer to be found."""
        self.path = path
        # Others write where this file was: what is in it is all it will have.
        self.is_rotated = path is None or shown(path) != self.origin

    def touch(self, now: datetime) -> None:
        """Note that the file has changed, or was moved."""
        self.changed_at, self.is_finished = now, False

    def has_news(self, status: os.stat_result) -> bool:
        """Whether the file may have changed since it was last read."""
        return (status.st_size, status.st_mtime_ns) != self.seen

    def read(
        self,
        limit: int,
        rules: Rules,
        *,
        is_quiet: bool = False,
        is_final: bool = False,
    ) -> Piece | None:
        """Return whole lines of about `limit` bytes, or None when there is no new one.

        A last line without its newline is held until the newline comes; `is_final`
        takes it as it is. Where lines are joined, the last event is held until the
        file `is_quiet`. Reading does not move the offset: `advance` does.
        Raises FileChangedError and BinaryFileError.
        """
        fd = self._descriptor()
        status = os.fstat(fd)
        self.seen = (status.st_size, status.st_mtime_ns)
        limit = max(limit, rules.max_line_bytes + 1)
        data = self._read_unchanged(fd, status.st_size, limit)
        self.holds_event = False
        if self.offset == 0 and b"\0" in data[:BINARY_PROBE]:
            return self._skip_hole(fd, status.st_size)
        end = data.rfind(b"\n") + 1
        if end and rules.joins_lines and not is_quiet:
            end = whole_events_end(data, end, limit, rules)
            self.holds_event = not end
            if not end:
                return None
        if end:
            more = self.offset + end < status.st_size
            return self._piece(data[:end], rules, more=more)
        if len(data) > rules.max_line_bytes:
            return self._read_long_line(data, status.st_size, rules, is_final=is_final)
        return self._piece(data, rules, more=False) if is_final and data else None

    def is_read_to_end(self) -> bool:
        return os.fstat(self._descriptor()).st_size == self.offset

    def is_rewritten(self) -> bool:
        """Whether what was read is not in the file any more."""
        fd = self._descriptor()
        if os.fstat(fd).st_size < self.offset:
            return True
        guard = self.guard or b""
        return os.pread(fd, len(guard), self.offset - len(guard)) != guard

    def advance(self, piece: Piece) -> None:
        self.offset = self.cursor.offset = piece.new_offset
        self.guard = piece.guard

    def reload(self, cursor: Cursor) -> None:
        """Continue where another collector has left the file."""
        self.cursor, self.offset = cursor, cursor.offset
        self.guard = None
        self._no_newline_before = 0
        self.seen = None

    def longer_head(self) -> Head | None:
        """Return the file's head when more of it is there than the cursor knows.

        Raises FileChangedError.
        """
        if self.cursor.head_length >= HEAD_BYTES:
            return None
        data = os.pread(self._descriptor(), HEAD_BYTES, 0)
        if not Head.of_cursor(self.cursor).fits(data):
            raise FileChangedError
        head = Head.of(data)
        return head if head.length > self.cursor.head_length else None

    def close(self) -> None:
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None

    def _descriptor(self) -> int:
        if self.fd is None:
            raise FileNotFoundError(self.path)
        return self.fd

    def _read_unchanged(self, fd: int, size: int, limit: int) -> bytes:
        """Read on, and in the same call the bytes before the offset.

        They must be those that were read before: a file that is written anew can
        have grown past the offset already.
        """
        if size < self.offset:
            raise FileChangedError
        start = max(0, self.offset - _GUARD_BYTES)
        kept = self.offset - start
        block = os.pread(fd, kept + min(limit, size - self.offset), start)
        before = block[:kept]
        if len(before) < kept or self.guard not in {None, before}:
            raise FileChangedError
        self.guard = before
        return block[kept:]

    def _skip_hole(self, fd: int, size: int) -> Piece:
        """Go to where the text begins, without lines.

        A program that does not append goes on at its old position when its file is
        truncated: the file then begins with a hole, which reads as NUL bytes.
        Raises BinaryFileError.
        """
        end = _hole_end(fd)
        if end == 0:
            raise BinaryFileError
        guard = os.pread(fd, min(end, _GUARD_BYTES), max(0, end - _GUARD_BYTES))
        return Piece(self, NO_LINES, self.offset, end, guard, more=end < size)

    def _piece(self, data: bytes, rules: Rules, *, more: bool) -> Piece:
        text = data.removeprefix(_BYTE_ORDER_MARK) if self.offset == 0 else data
        lines = split(text, encoding=rules.encoding, max_bytes=rules.max_line_bytes)
        return self._placed(lines, self.offset + len(data), data, more=more)

    def _placed(self, lines: Lines, end: int, data: bytes, *, more: bool) -> Piece:
        guard = ((self.guard or b"") + data)[-_GUARD_BYTES:]
        return Piece(self, lines, self.offset, end, guard, more)

    def _read_long_line(
        self, data: bytes, size: int, rules: Rules, *, is_final: bool
    ) -> Piece | None:
        """Find the end of a line that is longer than a whole read, and keep its start.

        Where it has no end yet, the next look continues the search from here.
        """
        fd = self._descriptor()
        searched = max(self.offset + len(data), self._no_newline_before)
        end = self._find_newline(fd, searched)
        if end is None and not is_final:
            return None
        stop = size if end is None else end + 1
        length = size if end is None else end
        lines = cut_line(
            data[: rules.max_line_bytes],
            length - self.offset,
            encoding=rules.encoding,
            max_bytes=rules.max_line_bytes,
        )
        start = max(0, stop - _GUARD_BYTES)
        guard = os.pread(fd, stop - start, start)
        return Piece(self, lines, self.offset, stop, guard, stop < size)

    def _find_newline(self, fd: int, position: int) -> int | None:
        while block := os.pread(fd, _SCAN_BYTES, position):
            found = block.find(b"\n")
            if found >= 0:
                self._no_newline_before = 0
                return position + found
            position += len(block)
        self._no_newline_before = position
        return None


def _hole_end(fd: int) -> int:
    """Return where a file's first bytes of text are that stand behind NUL bytes only."""
    try:
        start = os.lseek(fd, 0, os.SEEK_DATA)
    except OSError:  # nothing but the hole, or a system without holes
        return 0
    block = os.pread(fd, BINARY_PROBE, start)
    text = block.lstrip(b"\0")
    return start + len(block) - len(text) if text and b"\0" not in text else 0
