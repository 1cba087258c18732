"""Where file sources may read: nothing outside the allowed roots is ever opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

# Set by first-run alone: no form and no API takes the key "builtin".
PLATFORM_LOGS = "platform-logs"


class RefusedFileError(Exception):
    """The file must not or cannot be read; the message says what to do."""


@dataclass(slots=True)
class OpenedFile:
    """A regular file under the allowed roots, open for reading."""

    path: str
    real_path: str
    fd: int
    device: int
    inode: int
    size: int
    mtime_ns: int


def allowed_roots(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the resolved directories that a source of this configuration may read."""
    roots = list(settings.FILE_SOURCE_ROOTS)
    if config.get("builtin") == PLATFORM_LOGS:
        roots.append(Path(settings.VAR_DIR) / "log")
    return tuple(os.path.realpath(root) for root in roots)


def is_inside(real_path: str, roots: tuple[str, ...]) -> bool:
    """Whether an already resolved path is a root or lies below one."""
    return any(
        real_path == root or real_path.startswith(root.rstrip("/") + "/")
        for root in roots
    )


def open_file(path: str, roots: tuple[str, ...]) -> OpenedFile:
    """Open a regular file whose real path lies under the roots.

    Links may point around inside the roots, not out of them. A pipe or device is
    refused before it is opened, because opening alone can block or have effects.
    Raises RefusedFileError and FileNotFoundError.
    """
    try:
        return _open(path, roots)
    except PermissionError:
        raise RefusedFileError(_denied(path)) from None
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RefusedFileError(f"Cannot read {path}: {error.strerror}.") from error


def _open(path: str, roots: tuple[str, ...]) -> OpenedFile:
    real_path = os.path.realpath(path)
    _require_inside(path, real_path, roots)
    _require_regular(path, os.lstat(real_path).st_mode)
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    fd = os.open(real_path, flags)
    try:
        # A directory on the way may have become a link since it was resolved.
        _require_inside(path, _path_of(fd, real_path), roots)
        status = os.fstat(fd)
        _require_regular(path, status.st_mode)
    except BaseException:
        os.close(fd)
        raise
    return OpenedFile(
        path=path,
        real_path=real_path,
        fd=fd,
        device=status.st_dev,
        inode=status.st_ino,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
    )


def _path_of(fd: int, otherwise: str) -> str:
    """Return where an open file really is, as far as the system can tell."""
    try:
        real_path = str(Path(f"/proc/self/fd/{fd}").readlink())
    except OSError:
        return otherwise
    return real_path.removesuffix(" (deleted)")


def _require_inside(path: str, real_path: str, roots: tuple[str, ...]) -> None:
    if is_inside(real_path, roots):
        return
    elsewhere = f" (it leads to {real_path})" if real_path != path else ""
    raise RefusedFileError(
        f"{path}{elsewhere} is outside the allowed directories: "
        f"add its directory to FILE_SOURCE_ROOTS, which is {':'.join(roots)}."
    )


def _require_regular(path: str, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise RefusedFileError(f"{path} is not a regular file: it is not read.")


def _denied(path: str) -> str:
    return (
        f"Cannot read {path}: permission denied. Let user {os.geteuid()} read it, "
        "for example through a group that may."
    )
