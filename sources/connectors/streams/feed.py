"""What follows one stream, in a thread of its own: connects, reads, connects again."""

from __future__ import annotations

import asyncio
import logging
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone
from typing_extensions import override

from sources.connectors import SourceSpec
from sources.connectors.loops import LoopThread
from sources.connectors.streams.network import StreamError, told
from sources.connectors.streams.parcels import Buffer, Parcel, Position

logger = logging.getLogger(__name__)

FIRST_DELAY = 0.5  # seconds
LONGEST_DELAY = 60.0
_MAX_TOLD = 500


@dataclass(slots=True)
class Status:
    """How the connection is; written by the stream's thread, read by the collector's."""

    connected_since: datetime | None = None
    connects: int = 0
    messages: int = 0
    lost: int = 0
    error: str = ""  # why it is not connected, or was not the last time
    error_at: datetime | None = None
    # What is wrong while it is connected: of each thing, in words.
    troubles: dict[str, str] = field(default_factory=dict)

    def connected(self) -> None:
        self.connected_since = timezone.now()
        self.connects += 1

    def failed(self, error: str) -> None:
        self.connected_since = None
        self.error, self.error_at = error[:_MAX_TOLD], timezone.now()

    def trouble(self, about: str, problem: str) -> None:
        """Say what is wrong about something; empty: nothing any more."""
        if problem:
            self.troubles[about] = problem[:_MAX_TOLD]
        else:
            self.troubles.pop(about, None)

    @property
    def reconnects(self) -> int:
        return max(0, self.connects - 1)

    @property
    def problem(self) -> str:
        if self.connected_since is None and self.error:
            return f"{self.error} It is tried again."
        return " ".join(list(self.troubles.values())[:3])


class Backoff:
    """How long to wait for the next attempt: twice as long each time, within a minute.

    Somewhere between the half and the whole of it, so that not all come at once.
    """

    def __init__(self) -> None:
        self.least = FIRST_DELAY
        self._failures = 0

    def reset(self) -> None:
        self._failures = 0

    def next(self) -> float:
        """Return seconds."""
        delay: float = min(self.least * 2 ** min(self._failures, 16), LONGEST_DELAY)
        self._failures += 1
        return delay * random.uniform(0.5, 1)  # noqa: S311 - spreads load, no secret


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a feed is to follow, from where on, and where to put it.

    A feed on trial shows what would come, and leaves no trace at the server.
    """

    spec: SourceSpec
    buffer: Buffer
    position: Position = field(default_factory=dict)
    on_trial: bool = False


class Feed(ABC):
    """Puts what comes into the buffer; the position is where the stream goes on."""

    def __init__(self, assignment: Assignment) -> None:
        """Raises ValueError for settings that cannot be."""
        self.spec, self.buffer = assignment.spec, assignment.buffer
        self.on_trial = assignment.on_trial
        self.position: dict[str, Any] = dict(assignment.position)
        self.status = Status()

    @abstractmethod
    def start(self) -> None:
        """Begin to connect. Raises StreamError when the settings cannot be."""

    @abstractmethod
    def stop(self) -> None:
        """Disconnect and end."""

    def stored(self, parcels: Sequence[Parcel]) -> None:  # noqa: B027 - most need not know
        """Hear that what these brought is stored for good."""

    @property
    def notes(self) -> list[str]:
        """What a trial should tell beside errors."""
        return []


class LoopFeed(Feed):
    """A feed that runs in an event loop."""

    def __init__(self, assignment: Assignment) -> None:
        super().__init__(assignment)
        self.config: Mapping[str, Any] = assignment.spec.config
        self.backoff = Backoff()
        self._thread: LoopThread | None = None
        self._task: asyncio.Task[None] | None = None

    @abstractmethod
    async def follow(self) -> None:
        """Connect, and deliver what comes until the connection ends.

        Raises StreamError, and whatever networks raise.
        """

    async def shut(self) -> None:
        """Let go of what belongs to the loop."""

    @override
    def start(self) -> None:
        thread = self._thread = LoopThread(f"source-{self.spec.id}")
        self._room = asyncio.Event()
        loop = thread.loop
        room = self._room

        def on_room() -> None:
            loop.call_soon_threadsafe(room.set)

        self.buffer.on_room = on_room
        thread.submit(self._run())

    @override
    def stop(self) -> None:
        if self._thread is not None:
            self.buffer.on_room = lambda: None
            ending = asyncio.run_coroutine_threadsafe(self._end(), self._thread.loop)
            ending.result()
            self._thread.close(self.shut())
            self._thread = None

    async def _end(self) -> None:
        """Cancel from the top: what is below must let go of its own parts first."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def deliver(self, parcel: Parcel) -> None:
        """Put it into the buffer as soon as there is room; until then nothing is read."""
        while not self.buffer.has_room:
            self._room.clear()
            if not self.buffer.has_room:
                await self._room.wait()
        self.buffer.put(parcel)

    async def _run(self) -> None:
        self._task = asyncio.current_task()
        while True:
            try:
                await self.follow()
                error = "The server ended the connection."
            except StreamError as problem:
                error = str(problem)
            except Exception as problem:
                error = told(problem)
                if not error:
                    logger.exception("Source %s: its stream failed.", self.spec.name)
                    error = f"Reading the stream failed: {problem!r}."
            self.status.failed(error)
            self.buffer.nudge()
            await asyncio.sleep(self.backoff.next())
