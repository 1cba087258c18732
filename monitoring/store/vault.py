"""Where archive files lie: a directory, or a bucket through pyarrow.fs.

A file appears as a whole or not at all, and is on the disk when `write` returns.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path, PurePosixPath

import pyarrow as pa
from django.conf import settings
from pyarrow import fs

from accounts.services.availability import UnavailableError

PART = ".part"


class VaultError(UnavailableError):
    """The archive cannot be reached, or refuses; the message says why."""


def is_configured() -> bool:
    return bool(settings.ARCHIVE_URL)


@lru_cache(maxsize=4)
def _open(url: str) -> tuple[fs.FileSystem, str]:
    if "://" not in url:
        return fs.LocalFileSystem(), str(Path(url).absolute())
    try:
        filesystem, root = fs.FileSystem.from_uri(url)
    except (OSError, ValueError) as error:
        raise VaultError(f"ARCHIVE_URL: {error}") from error
    return filesystem, root


def write(path: str, content: pa.Buffer) -> None:
    """Write a new file. Raises VaultError; a part may then be left behind."""
    filesystem, root = _open(settings.ARCHIVE_URL)
    target = f"{root}/{path}"
    try:
        if isinstance(filesystem, fs.LocalFileSystem):
            _write_locally(Path(target), content)
        else:
            _upload(filesystem, target, content)
    except OSError as error:
        raise VaultError(f"{path} could not be written: {error}") from error


def _upload(filesystem: fs.FileSystem, target: str, content: pa.Buffer) -> None:
    """Buckets have no directories to be made first; other file systems may."""
    try:
        sink = filesystem.open_output_stream(target)
    except FileNotFoundError:
        filesystem.create_dir(target.rpartition("/")[0], recursive=True)
        sink = filesystem.open_output_stream(target)
    with sink:
        sink.write(content)


def _write_locally(target: Path, content: pa.Buffer) -> None:
    """The blocks are deleted next: first the file must survive a power cut."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + PART)
    with part.open("wb") as sink:
        sink.write(memoryview(content))
        sink.flush()
        os.fsync(sink.fileno())
    part.replace(target)
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def open_file(path: str) -> pa.NativeFile:
    """Raises VaultError; FileNotFoundError when there is no such file."""
    filesystem, root = _open(settings.ARCHIVE_URL)
    try:
        return filesystem.open_input_file(f"{root}/{path}")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise VaultError(f"{path} could not be read: {error}") from error


def delete(path: str) -> None:
    """Delete a file, or what was written of it; nothing when it is gone."""
    filesystem, root = _open(settings.ARCHIVE_URL)
    try:
        for name in (path, path + PART):
            if _exists(filesystem, f"{root}/{name}"):
                filesystem.delete_file(f"{root}/{name}")
    except OSError as error:
        raise VaultError(f"{path} could not be deleted: {error}") from error


def files() -> dict[str, int]:
    """Return the size of every file, by its path. Raises VaultError."""
    filesystem, root = _open(settings.ARCHIVE_URL)
    selector = fs.FileSelector(root, recursive=True, allow_not_found=True)
    try:
        found = filesystem.get_file_info(selector)
    except OSError as error:
        raise VaultError(f"The archive could not be listed: {error}") from error
    return {
        str(PurePosixPath(one.path).relative_to(root)): one.size
        for one in found
        if one.type == fs.FileType.File
    }


def _exists(filesystem: fs.FileSystem, path: str) -> bool:
    found: bool = filesystem.get_file_info(path).type != fs.FileType.NotFound
    return found
