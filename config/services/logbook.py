"""One readable log of many processes: a bounded file each, a prefixed console."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, TextIO

FILE_BYTES = 5 * 2**20
OLD_FILES = 3
LONGEST_LINE = 8192

_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95)


class LogFiles:
    """Writes each process's lines to its own rotating file."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._handlers: dict[str, RotatingFileHandler] = {}

    def write(self, name: str, line: str) -> None:
        handler = self._handlers.get(name) or self._open(name)
        handler.emit(logging.LogRecord(name, logging.INFO, "", 0, line, None, None))

    def _open(self, name: str) -> RotatingFileHandler:
        self._directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        handler = RotatingFileHandler(
            self._directory / f"{name}.log",
            maxBytes=FILE_BYTES,
            backupCount=OLD_FILES,
            encoding="utf-8",
            errors="replace",
        )
        self._handlers[name] = handler
        return handler

    def close(self) -> None:
        for handler in self._handlers.values():
            handler.close()
        self._handlers.clear()


class Console:
    """Prints lines under their process's name, in colour only to a person."""

    def __init__(self, stream: TextIO, names: tuple[str, ...]) -> None:
        self._stream: TextIO | None = stream
        self._width = max(map(len, names), default=0)
        coloured = stream.isatty()
        self._colours = {
            name: _COLOURS[index % len(_COLOURS)] if coloured else None
            for index, name in enumerate(names)
        }

    def write(self, name: str, line: str) -> None:
        prefix = f"{name:<{self._width}} |"
        colour = self._colours.get(name)
        if colour is not None:
            prefix = f"\x1b[{colour}m{prefix}\x1b[0m"
        if self._stream is None:
            return
        try:
            self._stream.write(f"{prefix} {line}\n")
            self._stream.flush()
        except OSError:
            # The terminal is gone; the files still tell.
            self._stream = None


class LineReader:
    """Cuts what arrives on a non-blocking descriptor into lines of bounded length."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self.ended = False

    def read(self) -> Iterator[str]:
        """Yield the whole lines that have arrived."""
        try:
            chunk = os.read(self._descriptor, 2**16)
        except BlockingIOError:
            return
        self.ended = not chunk
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if self._rest and (self.ended or len(self._rest) > LONGEST_LINE):
            lines.append(self._rest)
            self._rest = b""
        yield from map(_decode, lines)


class Follower:
    """Reads what another process appends to its rotating log file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self._rest = b""
        if path.exists():
            self._file = path.open("rb")
            self._file.seek(0, 2)

    def read(self) -> Iterator[str]:
        """Yield the whole lines that are new since the last call."""
        if self._file is None and self._path.exists():
            self._file = self._path.open("rb")
        if self._file is None:
            return
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        yield from map(_decode, lines)
        if not lines and self._rotated():
            self.close()

    def _rotated(self) -> bool:
        try:
            current = self._path.stat().st_ino
        except FileNotFoundError:
            return True
        return self._file is None or current != _inode(self._file)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None


def _inode(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_ino


def _decode(line: bytes) -> str:
    return line[:LONGEST_LINE].decode("utf-8", "replace").rstrip("\r")
