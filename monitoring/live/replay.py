"""Reading back what a client missed while it was away."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import redis.asyncio
from typing_extensions import override

from monitoring.live import stream_key

_ID = re.compile(r"(\d{1,20})-(\d{1,20})(?:\.(\d{1,6}))?\Z")
_PAGE = 50


class InvalidEventIdError(ValueError):
    """Not an id that an event can have had."""


@dataclass(frozen=True, slots=True, order=True)
class EventId:
    """A place in a topic's order: milliseconds, sequence, index in the batch."""

    ms: int
    sequence: int
    index: int

    @classmethod
    def parse(cls, text: object) -> EventId:
        """An id without an index stands for the whole batch. Raises InvalidEventIdError."""
        found = _ID.match(text) if isinstance(text, str) else None
        if found is None:
            raise InvalidEventIdError(
                f"{text!r} is no event id, as in 1700000000000-0.3"
            )
        ms, sequence, index = found.groups()
        return cls(int(ms), int(sequence), 999_999 if index is None else int(index))

    @property
    def entry(self) -> str:
        return f"{self.ms}-{self.sequence}"

    @override
    def __str__(self) -> str:
        return f"{self.entry}.{self.index}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One published batch as it stands in the stream: `events` is a JSON array."""

    id: str
    team: str
    events: str


async def entries_after(
    client: redis.asyncio.Redis, organization_id: int, topic: str, after: EventId
) -> AsyncIterator[Entry]:
    """Yield the kept entries from the one of `after` on, which may be read in part."""
    key, start = stream_key(organization_id, topic), after.entry
    while page := await client.xrange(key, min=start, count=_PAGE):
        for entry_id, content in page:
            yield Entry(entry_id, content["team"], content["events"])
        start = f"({page[-1][0]}"


async def has_gap(
    client: redis.asyncio.Redis, organization_id: int, topic: str, after: EventId
) -> bool:
    """Whether events behind `after` have been dropped from the stream already."""
    first: Any = await client.xrange(stream_key(organization_id, topic), count=1)
    if not first:
        return False
    oldest = EventId.parse(first[0][0])
    return (after.ms, after.sequence) < (oldest.ms, oldest.sequence)
