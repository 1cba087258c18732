"""As whom the embedded servers run: PostgreSQL refuses to be root."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

NAME = "pgserver"

_TRAVERSE = stat.S_IXGRP | stat.S_IXOTH


class ServiceError(Exception):
    """The embedded servers cannot run; the message says what to do."""


@dataclass(frozen=True, slots=True)
class SystemUser:
    uid: int
    gid: int


def servers_user() -> SystemUser | None:
    """Return whom to switch to, or None to stay who we are.

    Only root must switch; its user is created the first time.
    """
    if os.geteuid() != 0:
        return None
    entry = _find() or _create()
    return SystemUser(entry.pw_uid, entry.pw_gid)


def _find() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        return None


def _create() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--no-create-home", "--user-group", NAME]
    try:
        outcome = subprocess.run(  # noqa: S603 - constant arguments
            command, check=False, capture_output=True, text=True
        )
    except FileNotFoundError as error:
        raise ServiceError(
            f"PostgreSQL does not run as root, and there is no useradd to create "
            f"the user {NAME}. Create it, or run Vedette as an ordinary user."
        ) from error
    # Someone else may have created it in the same moment: only the result counts.
    entry = _find()
    if entry is None:
        raise ServiceError(
            f"PostgreSQL does not run as root, and the user {NAME} could not be "
            f"created: {outcome.stderr.strip()}"
        )
    return entry


def private_directory(path: Path, user: SystemUser | None) -> None:
    """Make `path` a directory for the servers' user alone.

    Raises when it belongs to someone else, who could listen there in our place.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = path.lstat().st_uid
    if path.is_symlink() or owner not in {os.geteuid(), user.uid if user else -1}:
        raise ServiceError(
            f"{path} belongs to user {owner}. Run Vedette as that user, or move "
            "its state elsewhere with VAR_DIR."
        )
    if user:
        os.chown(path, user.uid, user.gid)
    path.chmod(0o700)


def open_the_way(path: Path) -> None:
    """Let every user pass through the directories above `path`, not list them."""
    for parent in path.resolve().parents:
        mode = parent.stat().st_mode
        if mode & stat.S_IXOTH:
            continue
        try:
            parent.chmod(mode | _TRAVERSE)
        except OSError as error:
            raise ServiceError(
                f"The user {NAME}, who runs PostgreSQL for root, must be able to "
                f"pass through {parent}: {error.strerror}."
            ) from error


def make_readable(directory: Path) -> None:
    """Let every user read and run what is installed in `directory`."""
    for path in (directory, *directory.rglob("*")):
        if path.is_symlink():
            continue
        mode = path.stat().st_mode
        wanted = stat.S_IRGRP | stat.S_IROTH
        if mode & stat.S_IXUSR:
            wanted |= _TRAVERSE
        if mode & wanted != wanted:
            path.chmod(mode | wanted)
