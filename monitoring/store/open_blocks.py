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

from monitoring.store.log_heads import LogHead
from monitoring.store.stored_text import StoredText

# What is kept may take so much memory, everything unpacked: a small machine has less.
MOST_BYTES = min(
    256 * 2**20, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 64
)
# Smaller blocks are quickly read, and soon merged.
LEAST_TEXT = 2**20
# Blocks used within so many seconds are not given up for others: a read of more than
# is kept would else go round and find none of them.
HELD_SECONDS = 30.0


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


class OpenBlocks:
    """Those used last, up to a number of bytes. Threads share them."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._blocks: OrderedDict[int, tuple[OpenBlock, float]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def all(self) -> Mapping[int, OpenBlock]:
        """Return what is kept now, by the blocks' ids."""
        with self._lock:
            return {pk: block for pk, (block, _used) in self._blocks.items()}

    def keep(self, block_id: int, block: OpenBlock) -> None:
        """Note that the block was used; without room for it, it is not kept."""
        now = time.monotonic()
        with self._lock:
            known = block_id in self._blocks
            if not known and not self._make_room(block.size, now):
                return
            if not known:
                self._size += block.size
            self._blocks[block_id] = (block, now)
            self._blocks.move_to_end(block_id)

    def _make_room(self, size: int, now: float) -> bool:
        while self._size + size > self.most_bytes and self._blocks:
            block, used = next(iter(self._blocks.values()))
            if now - used < HELD_SECONDS:
                return False
            self._blocks.popitem(last=False)
            self._size -= block.size
        return self._size + size <= self.most_bytes

    def clear(self) -> None:
        with self._lock:
            self._blocks.clear()
            self._size = 0


open_blocks = OpenBlocks(MOST_BYTES)
