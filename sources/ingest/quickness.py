"""Which bodies are read in the event loop: small ones, while that is quick.

A thread's turn costs more than a small body does. One that turns out to be slow, a
thousand new series say, sends its organization's next ones to the threads for a while:
so a sender can hold up the loop now and then, not all the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sources.ingest.door import Door, Push

# Of a body as it was sent, and as it is announced to be when it is unpacked.
MOST_PACKED = 64 * 2**10
MOST_UNPACKED = 256 * 2**10
# Whoever takes longer is slow for so long.
_SLOW_SECONDS = 0.02
_EXILE_SECONDS = 2.0


class Quickness:
    """Used from the event loop alone, so it needs no lock."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        work: Callable[[], float] = time.thread_time,
    ) -> None:
        self._clock, self._work = clock, work
        self._slow_until: dict[int, float] = {}

    def expects(self, door: Door, push: Push, size: int | None) -> bool:
        """Whether to read it at once; `size` is what the body says it unpacks to.

        What goes to a source may be counted and limited there, which asks the database.
        """
        if not door.quick or size is None or push.binding.source_id is not None:
            return False
        if len(push.body) > MOST_PACKED or size > MOST_UNPACKED:
            return False
        organization_id = push.sender.scope.organization_id
        until = self._slow_until.get(organization_id)
        if until is None:
            return True
        if self._clock() < until:
            return False
        del self._slow_until[organization_id]
        return True

    @contextmanager
    def watching(self, push: Push) -> Iterator[None]:
        """What counts is the processor's time: others' load makes nobody slow."""
        began = self._work()
        try:
            yield
        finally:
            if self._work() - began > _SLOW_SECONDS:
                organization_id = push.sender.scope.organization_id
                self._slow_until[organization_id] = self._clock() + _EXILE_SECONDS
