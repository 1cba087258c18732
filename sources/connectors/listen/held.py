"""What was read from the network and is not stored yet, and what was lost on the way."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from typing_extensions import override

# Of one source, in bytes of messages; senders wait or are let go by beyond that.
HELD_BYTES = 64 * 2**20
# What a message costs beside its bytes.
OVERHEAD = 100


@dataclass(frozen=True, slots=True)
class Piece:
    """Messages that were read together, each with the address of its sender."""

    messages: Sequence[bytes]
    senders: Sequence[str]
    is_datagram: bool
    size: int


class Held:
    """Hands messages from the threads that read to the collector's, in order.

    `wake` is called when there is something after there was nothing.
    """

    def __init__(self, wake: Callable[[], None], limit: int = HELD_BYTES) -> None:
        self.limit = limit
        self._wake = wake
        self._pieces: deque[Piece] = deque()
        self._size = 0
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        return self._size

    @property
    def is_full(self) -> bool:
        return self._size >= self.limit

    def __len__(self) -> int:
        return len(self._pieces)

    def add(
        self, messages: Sequence[bytes], senders: Sequence[str], *, is_datagram: bool
    ) -> None:
        size = sum(map(len, messages)) + OVERHEAD * len(messages)
        with self._lock:
            was_empty = not self._pieces
            self._pieces.append(Piece(messages, senders, is_datagram, size))
            self._size += size
        if was_empty:
            self._wake()

    def take(self, most: int) -> list[Piece]:
        """Return the oldest pieces, of about `most` bytes."""
        taken: list[Piece] = []
        size = 0
        with self._lock:
            while self._pieces and size < most:
                taken.append(self._pieces.popleft())
                size += taken[-1].size
            self._size -= size
        return taken


class Losses:
    """Counts what was not taken, by a few words that say why."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._details: dict[str, str] = {}
        self._lock = threading.Lock()

    def note(self, why: str, count: int = 1) -> None:
        if count > 0:
            with self._lock:
                self._counts[why] += count

    def note_last(self, why: str, detail: str, count: int) -> None:
        """Count, and tell of the last one what was wrong with it."""
        self.note(why, count)
        self._details[why] = detail

    @property
    def total(self) -> int:
        with self._lock:
            return sum(self._counts.values())

    @override
    def __str__(self) -> str:
        with self._lock:
            told = [self._told(*pair) for pair in self._counts.most_common()]
        return f"Since it began to listen: {'; '.join(told)}." if told else ""

    def _told(self, why: str, count: int) -> str:
        return f"{count:,} {why} {self._details.get(why, '')}".rstrip()
