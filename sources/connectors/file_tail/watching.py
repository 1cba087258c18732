"""Which paths were touched lately, told by the kernel through watchdog."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterable
from threading import Lock

from typing_extensions import override
from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

logger = logging.getLogger(__name__)

# Opening and closing are left out: our own reading would wake us.
_EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
]


class Watcher(FileSystemEventHandler):
    """Collects touched paths from watchdog's threads until they are taken.

    It is only a hint, which makes reading quick: what the kernel does not tell
    (network file systems, too few watches) the regular look at all files finds.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = Lock()
        self._touched: set[str] = set()
        self._directories_changed = False
        self._observer: BaseObserver | None = None
        self._watches: dict[str, ObservedWatch] = {}
        self._watched_as: dict[str, tuple[bool, int]] = {}
        self._covered: list[tuple[str, bool]] = []
        self._refused: set[str] = set()

    def watch(self, directories: Iterable[tuple[str, bool]]) -> None:
        """Watch these directories, each alone or with all below it.

        One that was made anew since is watched anew: the kernel follows the old one.
        """
        wanted = {
            path: (deep, inode)
            for path, deep in sorted(directories)
            if (inode := _directory_inode(path)) is not None
        }
        for path in list(self._watches):
            if wanted.get(path) != self._watched_as[path]:
                self._unschedule(path)
        for path, (deep, inode) in wanted.items():
            if path not in self._watches and self._schedule(path, deep=deep):
                self._watched_as[path] = (deep, inode)
        self._covered = [
            (os.path.realpath(p), self._watched_as[p][0]) for p in self._watches
        ]

    def covers(self, real_path: str) -> bool:
        """Whether changes of that file are told; links lead to others."""
        directory = os.path.dirname(real_path)  # noqa: PTH120 - paths are strings here
        return any(
            directory == base or (deep and directory.startswith(base.rstrip("/") + "/"))
            for base, deep in self._covered
        )

    def take(self) -> tuple[set[str], bool]:
        """Return the touched paths, and whether directories came or moved."""
        with self._lock:
            touched, self._touched = self._touched, set()
            changed, self._directories_changed = self._directories_changed, False
        return touched, changed

    @property
    def has_news(self) -> bool:
        return bool(self._touched) or self._directories_changed

    @property
    def is_blind(self) -> bool:
        """Whether the kernel refused to tell of some directory."""
        return bool(self._refused)

    def close(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
            self._observer = None
        self._watches.clear()

    @override
    def on_any_event(self, event: FileSystemEvent) -> None:
        paths = {os.fsdecode(p) for p in (event.src_path, event.dest_path) if p}
        with self._lock:
            if event.is_directory:
                self._directories_changed = True
            else:
                self._touched |= paths
        self._wake()

    def _schedule(self, path: str, *, deep: bool) -> bool:
        if self._observer is None:
            self._observer = Observer()
            self._observer.daemon = True
            self._observer.start()
        try:
            watch = self._observer.schedule(
                self, path, recursive=deep, event_filter=_EVENTS
            )
        except OSError as error:
            # Such as fs.inotify.max_user_watches: the regular look goes on.
            if path not in self._refused:
                logger.warning("Cannot watch %s, looking regularly: %s", path, error)
            self._refused.add(path)
            return False
        self._refused.discard(path)
        self._watches[path] = watch
        return True

    def _unschedule(self, path: str) -> None:
        watch = self._watches.pop(path)
        if self._observer is not None:
            self._observer.unschedule(watch)


def _directory_inode(path: str) -> int | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - one number is wanted
    except OSError:
        return None
    return status.st_ino if stat.S_ISDIR(status.st_mode) else None
