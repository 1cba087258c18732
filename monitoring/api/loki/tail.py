"""`/loki/api/v1/tail`: what a log query would find, as it arrives, over a WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from autobahn.exception import Disconnected
from channels.db import database_sync_to_async
from django.db import Error as DatabaseError
from django.http import QueryDict
from django.utils import timezone
from redis.exceptions import RedisError
from typing_extensions import override

from accounts.consumers import OrganizationConsumer
from monitoring.api.loki import parameters as read
from monitoring.api.loki.envelope import LokiError, bad_request
from monitoring.api.loki.formatting import CATEGORIZE, streams_json
from monitoring.api.loki.queries import ENCODING_FLAGS
from monitoring.api.prometheus.parameters import Parameters
from monitoring.labels import Labels
from monitoring.live import group_name
from monitoring.live.lines import chunks_of
from monitoring.live.transport import WriteGate
from monitoring.logql import (
    Lines,
    LogQLError,
    Pipeline,
    Stream,
    compile_pipeline,
    label_sets,
    metadata_sets,
)
from monitoring.services import logql_queries
from monitoring.telemetry import TooMuchDataError, nanoseconds

# Loki's: entries of one frame, and of those that were dropped.
MAX_ENTRIES, MAX_DROPPED = 100, 1000
# Entries that may wait for a slow client; beyond that the newest are dropped.
MAX_WAITING = 10_000
MAX_DELAY_SECONDS = 5
MAX_HISTORY = 5000
HISTORY = timedelta(hours=1)

# Of RFC 6455: Loki closes so whatever was wrong, and says what in the reason.
INTERNAL_ERROR = 1011
_MAX_REASON_BYTES = 123

_TOPIC = "logs"


@dataclass(frozen=True, slots=True)
class Tail:
    """What a client has asked for."""

    query: str
    pipeline: Pipeline
    start_ns: int
    limit: int
    delay: int
    categorized: bool


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    ts_ns: int
    line: str
    stream: Labels
    parsed: Labels
    metadata: Labels

    @property
    def key(self) -> tuple[int, str, Labels]:
        return self.ts_ns, self.line, self.stream


class TailConsumer(OrganizationConsumer):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._jobs: list[asyncio.Task[None]] = []
        self._waiting: deque[Entry] = deque()
        self._dropped: list[Entry] = []
        self._arrived = asyncio.Event()
        self._group = ""

    @override
    async def opened(self) -> None:
        try:
            self._tail = _tail_of(self.scope, timezone.now())
        except (LokiError, LogQLError) as error:
            await self._fail(str(error))
            return
        self._gate = WriteGate(self.base_send)
        # Before history is read: what arrives meanwhile waits behind it.
        group = group_name(self.access.organization_id, _TOPIC)
        try:
            await self.channel_layer.group_add(group, self.channel_name)
        except (RedisError, OSError):
            await self._fail("live updates are away for a moment")
            return
        self._group = group
        self._jobs.append(asyncio.create_task(self._run()))

    @override
    async def disconnect(self, code: int) -> None:
        for job in self._jobs:
            job.cancel()
        if self._group:
            with contextlib.suppress(RedisError, OSError):
                await self.channel_layer.group_discard(self._group, self.channel_name)
        await super().disconnect(code)

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None
    ) -> None:
        """Clients have nothing to say."""

    async def live_events(self, message: dict[str, Any]) -> None:
        """Called by the channel layer for each published batch."""
        team = message["team"]
        if not self.access.sees_team(int(team) if team else None):
            return
        events = orjson.loads(message["events"])
        for _, chunk in chunks_of(events, self._tail.pipeline):
            found = _entries(self._tail.pipeline.run(chunk))
            room = max(0, MAX_WAITING - len(self._waiting))
            self._waiting.extend(found[:room])
            self._dropped += found[room:][: MAX_DROPPED - len(self._dropped)]
        if self._waiting:
            self._arrived.set()

    async def _run(self) -> None:
        with contextlib.suppress(Disconnected):
            try:
                history = await database_sync_to_async(self._history)()
            except (LogQLError, TooMuchDataError, DatabaseError) as error:
                await self._fail(str(error))
                return
            await self._send_all(history)
            known = {entry.key for entry in history}
            while True:
                await self._arrived.wait()
                await asyncio.sleep(self._tail.delay)
                self._arrived.clear()
                ready = sorted(self._waiting)
                self._waiting.clear()
                await self._send_all([one for one in ready if one.key not in known])

    def _history(self) -> list[Entry]:
        """Return the newest lines that are stored, oldest first."""
        result = logql_queries.range_query(
            self.access,
            self._tail.query,
            start_ns=self._tail.start_ns,
            end_ns=nanoseconds(timezone.now()) + 1,
            limit=self._tail.limit,
        )
        return sorted(entry for one in result.streams for entry in _told(one))

    async def _send_all(self, entries: Sequence[Entry]) -> None:
        for start in range(0, len(entries), MAX_ENTRIES):
            await self._gate.opened()
            frame = self._frame(entries[start : start + MAX_ENTRIES])
            await self.send(text_data=frame)

    def _frame(self, entries: Sequence[Entry]) -> str:
        categorized = self._tail.categorized
        streams = streams_json(_streams(entries), categorized=categorized)
        body = {"streams": orjson.Fragment(streams)}
        if categorized:
            body["encodingFlags"] = orjson.Fragment(orjson.dumps([CATEGORIZE]))
        dropped, self._dropped = self._dropped, []
        told = [
            {"labels": dict(one.stream), "timestamp": str(one.ts_ns)} for one in dropped
        ]
        # Loki leaves an empty list out.
        more = {"dropped_entries": told} if told else {}
        return orjson.dumps({**body, **more}).decode()

    async def _fail(self, problem: str) -> None:
        reason = problem.encode(errors="replace")[:_MAX_REASON_BYTES]
        await self.close(code=INTERNAL_ERROR, reason=reason.decode(errors="ignore"))


def _tail_of(scope: Any, now: datetime) -> Tail:
    """Raises LokiError and LogQLError."""
    text = scope.get("query_string", b"").decode("latin-1")
    headers = {
        k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]
    }
    parameters = Parameters(QueryDict(text))
    query = parameters.text("query")
    logql_queries.log_selector(query)
    delay = parameters.text("delay_for") or "0"
    if not delay.isdecimal() or not delay.isascii():
        raise bad_request(f'strconv.Atoi: parsing "{delay}": invalid syntax')
    if len(delay) > 1 or int(delay) > MAX_DELAY_SECONDS:
        raise bad_request(f"delay_for can't be greater than {MAX_DELAY_SECONDS}")
    flags = headers.get(ENCODING_FLAGS.lower(), "").split(",")
    return Tail(
        query=query,
        pipeline=compile_pipeline(query),
        start_ns=read.bounds(parameters, now, since=HISTORY).start_ns,
        limit=min(read.limit(parameters), MAX_HISTORY),
        delay=int(delay),
        categorized=CATEGORIZE in (flag.strip() for flag in flags),
    )


def _entries(lines: Lines) -> list[Entry]:
    stream = tuple(sorted(lines.constants.items()))
    columns = (
        lines.ts_ns.tolist(),
        lines.text.to_pylist(),
        label_sets(lines),
        metadata_sets(lines),
    )
    return [
        Entry(ts_ns, line or "", stream, parsed, metadata)
        for ts_ns, line, parsed, metadata in zip(*columns, strict=True)
    ]


def _told(stream: Stream) -> list[Entry]:
    rows = zip(stream.ts_ns, stream.lines, stream.metadata, strict=True)
    return [
        Entry(ts, line, stream.stream, stream.parsed, more) for ts, line, more in rows
    ]


def _streams(entries: Sequence[Entry]) -> list[Stream]:
    found: dict[tuple[Labels, Labels], Stream] = {}
    for entry in entries:
        key = entry.stream, entry.parsed
        one = found.setdefault(key, Stream(*key, [], [], []))
        one.ts_ns.append(entry.ts_ns)
        one.lines.append(entry.line)
        one.metadata.append(entry.metadata)
    return list(found.values())
