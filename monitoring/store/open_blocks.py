"""The blocks of lines that were read lately, as far as they are unpacked, per process.

Who searches once searches again: another word, a longer range, the next page. A block
never changes under its id, so what is kept is never wrong; whether a block still
exists, and whose it is, the database says each time.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from monitoring.store.log_heads import LogHead
from monitoring.store.stored_text import StoredText

# What is kept may take so much memory, everything unpacked: a small machine has less.
MOST_BYTES = min(2**30, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 32)
# This share of it is for blocks that are kept packed, having found no room unpacked:
# most of a read is to fetch them, and packed they take a fifth.
PACKED_SHARE = 4
# Smaller blocks are quickly read, and soon merged.
LEAST_TEXT = 2**20
# Blocks used within so many seconds are not given up for others: a read of more than
# is kept would else go round and find none of them.
HELD_SECONDS = 30.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OpenBlock:
    """A block's payload, and what was unpacked of it."""

    payload: bytes
    head: LogHead
    text: StoredText

    @property
    def size(self) -> int:
        """How many bytes it takes once all of it is unpacked."""
        return len(self.payload) + self.head.unpacked_size + self.text.unpacked_size


class LastUsed(Generic[T]):
    """Things by the blocks' ids, up to a number of bytes."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.things: OrderedDict[int, tuple[T, int, float]] = OrderedDict()
        self._size = 0

    def keep(self, block_id: int, thing: T, size: int, now: float) -> bool:
        """Note that it was used; return whether it is kept, for which there was room."""
        if block_id not in self.things:
            if not self._make_room(size, now):
                return False
            self._size += size
        self.things[block_id] = (thing, size, now)
        self.things.move_to_end(block_id)
        return True

    def drop(self, block_id: int) -> None:
        if block_id in self.things:
            self._size -= self.things.pop(block_id)[1]

    def _make_room(self, size: int, now: float) -> bool:
        if size > self.most_bytes:
            return False
        while self._size + size > self.most_bytes:
            oldest = next(iter(self.things))
            if now - self.things[oldest][2] < HELD_SECONDS:
                return False
            self.drop(oldest)
        return True


class OpenBlocks:
    """Those used last, up to a number of bytes. Threads share them."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._lock = threading.Lock()
        self.clear()

    def all(self) -> Mapping[int, OpenBlock | bytes]:
        """Return what is kept now, by the blocks' ids; bytes are a payload alone."""
        with self._lock:
            packed = {pk: kept[0] for pk, kept in self._packed.things.items()}
            return packed | {pk: kept[0] for pk, kept in self._open.things.items()}

    def keep(self, block_id: int, block: OpenBlock) -> None:
        """Note that the block was used; without room for it, it is not kept."""
        now, payload = time.monotonic(), block.payload
        with self._lock:
            if self._open.keep(block_id, block, block.size, now):
                self._packed.drop(block_id)
            else:
                self._packed.keep(block_id, payload, len(payload), now)

    def clear(self) -> None:
        with self._lock:
            packed = self.most_bytes // PACKED_SHARE
            self._packed = LastUsed[bytes](packed)
            self._open = LastUsed[OpenBlock](self.most_bytes - packed)


open_blocks = OpenBlocks(MOST_BYTES)
