"""Trying a file source out: which files match now, and what stands at their ends.

Nothing of this is stored.
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice

from sources.connectors.file_tail.globbing import PathPattern
from sources.connectors.file_tail.gzipped import MAGIC
from sources.connectors.file_tail.roots import (
    OpenedFile,
    RefusedFileError,
    allowed_roots,
    open_file,
)
from sources.connectors.file_tail.splitting import split
from sources.connectors.file_tail.tail import BINARY_PROBE
from sources.services.kinds.base import Config, Probe, ProbedFile

FILES_SHOWN = 50
_FILES_LOOKED_AT = 1000
SAMPLE_LINES = 200
_SAMPLE_BYTES = 256 * 2**10
_MAX_LINE = 8192


def probe(config: Config) -> Probe:
    problems: list[str] = []
    files = _probe_files(config, problems)
    problems += [file.problem for file in files if file.problem]
    return _verdict(files, problems)


def newest_lines(config: Config, problems: list[str]) -> tuple[list[str], str]:
    """Return lines from the end of the file that was written to last."""
    roots = allowed_roots(config)
    probed = [_probe(path, roots) for path in _matches(config, problems)]
    problems += [file.problem for file in probed if file.problem]
    good = [file for file in probed if not file.problem and file.size]
    for file in sorted(good, key=lambda f: f.modified_at or _NEVER, reverse=True):
        for lines in _tail_lines(file.path, roots, config):
            return lines, file.path
    return [], ""


def _matches(config: Config, problems: list[str]) -> list[str]:
    recursive = bool(config.get("recursive"))
    patterns = [PathPattern.of_config(p, recursive=recursive) for p in config["paths"]]
    found = (path for pattern in patterns for path in pattern.expand(problems.append))
    paths = [
        p for p in islice(dict.fromkeys(found), _FILES_LOOKED_AT) if not _is_dir(p)
    ]
    if not paths:
        wanted = ", ".join(config["paths"])
        problems.append(f"No file matches {wanted} now. Those that come are read.")
    return paths


def _is_dir(path: str) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - paths are strings on this path


def _probe_files(config: Config, problems: list[str]) -> list[ProbedFile]:
    roots = allowed_roots(config)
    return [_probe(path, roots) for path in _matches(config, problems)]


def _probe(path: str, roots: tuple[str, ...]) -> ProbedFile:
    try:
        opened = open_file(path, roots)
    except (RefusedFileError, FileNotFoundError) as error:
        return ProbedFile(path, problem=str(error))
    with io.FileIO(opened.fd, closefd=True) as file:
        head = _plain(file.read(BINARY_PROBE))
    problem = (
        f"{path} is a binary file, not text: it is not read." if b"\0" in head else ""
    )
    modified_at = datetime.fromtimestamp(opened.mtime_ns / 1e9, UTC)
    return ProbedFile(path, opened.size, modified_at, problem)


def _verdict(files: Sequence[ProbedFile], problems: Sequence[str]) -> Probe:
    readable = [file for file in files if not file.problem]
    size = sum(file.size for file in readable)
    if readable:
        noun = "file" if len(readable) == 1 else "files"
        text = f"{len(readable)} {noun} can be read, {size:,} bytes in all."
    else:
        text = "Nothing can be read now."
    if problems:
        text = f"{text} {problems[0]}"
    return Probe(bool(readable), text, files[:FILES_SHOWN], problems[:FILES_SHOWN])


_NEVER = datetime.min.replace(tzinfo=UTC)


def _tail_lines(
    path: str, roots: tuple[str, ...], config: Config
) -> Iterator[list[str]]:
    try:
        opened = open_file(path, roots)
    except (RefusedFileError, FileNotFoundError):
        return
    encoding = str(config.get("encoding") or "utf-8")
    data = _tail_bytes(opened)
    if data:
        array = split(data, encoding=encoding, max_bytes=_MAX_LINE).array
        yield [line for line in array.to_pylist() if line][-SAMPLE_LINES:]


def _tail_bytes(opened: OpenedFile) -> bytes:
    """Return whole lines from the end; of a gzip'd file, from its beginning."""
    with io.FileIO(opened.fd, closefd=True) as file:
        if file.read(len(MAGIC)) == MAGIC:
            file.seek(0)
            return _plain(file.read(_SAMPLE_BYTES))
        start = max(0, opened.size - _SAMPLE_BYTES)
        file.seek(start)
        data = file.read(_SAMPLE_BYTES)
    return data.partition(b"\n")[2] if start else data


def _plain(head: bytes) -> bytes:
    """Return what a gzip'd file's first bytes hold; others as they are."""
    if not head.startswith(MAGIC):
        return head
    try:
        return zlib.decompressobj(wbits=31).decompress(head, _SAMPLE_BYTES)
    except zlib.error:
        return b"\0"
