"""A gzip'd file, which is read once: history that was rotated and compressed."""

from __future__ import annotations

import gzip
import os
import zlib
from typing import BinaryIO

from typing_extensions import override

from sources.connectors.file_tail.cursors import HEAD_BYTES, Head
from sources.connectors.file_tail.splitting import cut_line
from sources.connectors.file_tail.tail import (
    BINARY_PROBE,
    BinaryFileError,
    FileChangedError,
    Piece,
    Rules,
    Tail,
    whole_events_end,
)
from sources.models import Cursor

MAGIC = b"\x1f\x8b"
_SKIP_BYTES = 2**20


class DamagedFileError(Exception):
    """The compressed bytes are not what gzip wrote."""


class IncompleteFileError(Exception):
    """The compressed file ends early: it is still being written, or was cut."""


def plain_head(fd: int, length: int) -> bytes:
    """Return the first bytes that a gzip'd file holds, as many as can be had."""
    with _rewound(fd) as raw, gzip.GzipFile(fileobj=raw) as stream:
        try:
            return stream.read(length)
        except (EOFError, OSError, zlib.error):
            return b""


def _rewound(fd: int) -> BinaryIO:
    file = os.fdopen(os.dup(fd), "rb")
    file.seek(0)
    return file


class GzipTail(Tail):
    """Its offset counts bytes after decompression; its identity is the compressed file's."""

    _raw: BinaryIO | None = None
    _stream: gzip.GzipFile | None = None
    _rest = b""  # decompressed behind the last piece
    _piece_read: Piece | None = None

    @override
    def read(
        self,
        limit: int,
        rules: Rules,
        *,
        is_quiet: bool = False,
        is_final: bool = False,
    ) -> Piece | None:
        """Return the next lines. A compressed file is whole, so its last line counts.

        Raises FileChangedError, BinaryFileError, DamagedFileError and
        IncompleteFileError.
        """
        self._check_same()
        piece = self._piece_read
        if piece is None or piece.old_offset != self.offset:
            piece = self._piece_read = self._read_on(limit, rules)
        return piece

    def _check_same(self) -> None:
        """Start again where the file was added to, or give up where it is another."""
        fd = self._descriptor()
        status = os.fstat(fd)
        if not self.has_news(status):
            return
        self.seen = (status.st_size, status.st_mtime_ns)
        if not Head.of_cursor(self.cursor).fits(os.pread(fd, HEAD_BYTES, 0)):
            raise FileChangedError
        self._drop_stream()

    @override
    def is_read_to_end(self) -> bool:
        return self._piece_read is None

    @override
    def is_rewritten(self) -> bool:
        return False

    @override
    def reload(self, cursor: Cursor) -> None:
        super().reload(cursor)
        self._drop_stream()

    @override
    def close(self) -> None:
        self._drop_stream()
        super().close()

    def _read_on(self, limit: int, rules: Rules) -> Piece | None:
        try:
            stream = self._stream or self._begin()
            data = self._rest + stream.read(limit)
            if self.offset == 0 and b"\0" in data[:BINARY_PROBE]:
                raise BinaryFileError
            is_last = len(data) - len(self._rest) < limit
            end = data.rfind(b"\n") + 1
            if end and rules.joins_lines and not is_last:
                end = whole_events_end(data, end, limit, rules)
            elif is_last:
                end = len(data)  # a compressed file is whole: its last line, too
            if not data:
                return None
            if end:
                self._rest = data[end:]
                return self._piece(data[:end], rules, more=True)
            return self._rest_of_long_line(stream, data, rules)
        except EOFError as error:
            self._drop_stream()
            raise IncompleteFileError from error
        except (gzip.BadGzipFile, zlib.error) as error:
            self._drop_stream()
            raise DamagedFileError(str(error)) from error

    def _begin(self) -> gzip.GzipFile:
        """Decompress from the start up to the offset."""
        self._raw = _rewound(self._descriptor())
        self._stream = gzip.GzipFile(fileobj=self._raw)
        self._rest = b""
        left = self.offset
        while left and (block := self._stream.read(min(left, _SKIP_BYTES))):
            left -= len(block)
        return self._stream

    def _rest_of_long_line(
        self, stream: gzip.GzipFile, data: bytes, rules: Rules
    ) -> Piece:
        """Decompress up to the line's end and keep only its start."""
        start, length = data[: rules.max_line_bytes], len(data)
        newline, self._rest = 0, b""
        while block := stream.read(_SKIP_BYTES):
            end = block.find(b"\n")
            if end >= 0:
                length, newline, self._rest = length + end, 1, block[end + 1 :]
                break
            length += len(block)
        lines = cut_line(
            start, length, encoding=rules.encoding, max_bytes=rules.max_line_bytes
        )
        return self._placed(lines, self.offset + length + newline, b"", more=True)

    def _drop_stream(self) -> None:
        if self._stream is not None and self._raw is not None:
            self._stream.close()
            self._raw.close()
        self._stream, self._rest, self._piece_read = None, b"", None
