"""Which paths were touched lately, told by the kernel through watchdog."""

from __future__ import annotations

import logging
import os
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
        self._watches: dict[str, tuple[ObservedWatch, bool]] = {}
        self._refused: set[str] = set()

    def watch(self, directories: Iterable[tuple[str, bool]]) -> None:
        """Watch these directories, each alone or with all below it."""
        wanted = dict(sorted(directories))
        for path in [
            p for p, (_, deep) in self._watches.items() if wanted.get(p) != deep
        ]:
            self._unschedule(path)
        for path, deep in wanted.items():
            if path not in self._watches and os.path.isdir(path):  # noqa: PTH112 - paths are strings here
                self._schedule(path, deep=deep)

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

    def _schedule(self, path: str, *, deep: bool) -> None:
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
            return
        self._refused.discard(path)
        self._watches[path] = (watch, deep)

    def _unschedule(self, path: str) -> None:
        watch, _ = self._watches.pop(path)
        if self._observer is not None:
            self._observer.unschedule(watch)
