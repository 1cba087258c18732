"""What a stream brings, on its way to the collector: bounded, and in its order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from monitoring.telemetry import Level

# So much waits at most; who brings more stops reading until there is room.
HELD_BYTES = 8 * 2**20
HELD_PARCELS = 10_000
TAKEN_BYTES = 2 * 2**20

Position = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """One line; `time` as the sender wrote it, empty for none."""

    line: str
    time: str = ""
    level: Level | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Point:
    """One sample."""

    name: str
    labels: Mapping[str, str]
    value: float
    ts_ms: int


@dataclass(frozen=True, slots=True)
class Parcel:
    """What one message brought, and where the stream goes on once it is stored.

    `size` is in bytes. What `receipt` stands for is acknowledged then, too.
    """

    records: Sequence[Record] = ()
    points: Sequence[Point] = ()
    size: int = 0
    position: Position | None = None
    receipt: Any = None


class Buffer:
    """Filled by a stream's thread, emptied by the collector's once it is stored."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.on_room: Callable[[], None] = lambda: None
        self._wake = wake
        self._parcels: deque[Parcel] = deque()
        self._size = 0
        self._out = 0
        self._told = False
        self._changed = threading.Condition()

    @property
    def has_room(self) -> bool:
        return self._size < HELD_BYTES and len(self._parcels) < HELD_PARCELS

    @property
    def is_empty(self) -> bool:
        return not self._parcels

    def put(self, parcel: Parcel) -> None:
        with self._changed:
            self._parcels.append(parcel)
            self._size += parcel.size
            told, self._told = self._told, True
        if not told:
            self._wake()

    def nudge(self) -> None:
        """Let the collector look, though nothing was put."""
        self._wake()

    def wait_for_room(self, seconds: float) -> bool:
        """Wait, in a thread that may; return whether there is room."""
        with self._changed:
            return self._changed.wait_for(lambda: self.has_room, seconds)

    def take(self) -> list[Parcel]:
        """Return the first parcels; they stay here until `drop`."""
        with self._changed:
            taken, size = [], 0
            for parcel in self._parcels:
                taken.append(parcel)
                size += parcel.size
                if size >= TAKEN_BYTES:
                    break
            self._out, self._told = len(taken), False
        return taken

    def drop(self) -> None:
        """Let go of what was taken last."""
        with self._changed:
            for _ in range(self._out):
                self._size -= self._parcels.popleft().size
            self._out = 0
            self._changed.notify_all()
        self.on_room()

    def forget(self, is_gone: Callable[[Parcel], bool]) -> None:
        """Let go of what is sent again anyway, unless it is taken already."""
        with self._changed:
            taken = [self._parcels[i] for i in range(self._out)]
            rest = list(self._parcels)[self._out :]
            self._parcels = deque([*taken, *(p for p in rest if not is_gone(p))])
            self._size = sum(parcel.size for parcel in self._parcels)
            self._changed.notify_all()
        self.on_room()
