"""What many connections of one process need, made once for all of them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any

import orjson
from channels.db import database_sync_to_async

from accounts.scope import Scope
from monitoring.live.replay import Entry
from monitoring.live.topics import Topic


class _Decoded:
    """Events of recent entries, parsed once a process, however many clients there are."""

    def __init__(self, size: int = 64) -> None:
        self._size = size
        self._entries: OrderedDict[tuple[str, str], list[Any]] = OrderedDict()

    def events(self, topic: str, entry: Entry) -> list[Any]:
        key = (topic, f"{entry.id}{len(entry.events)}")
        if key not in self._entries:
            self._entries[key] = orjson.loads(entry.events)
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)
        return self._entries[key]


class _Personal:
    """Snapshots for each audience, taken once a process for each published event."""

    def __init__(self, size: int = 64) -> None:
        self._size = size
        self._pending: OrderedDict[object, asyncio.Task[Any]] = OrderedDict()

    async def snapshot(self, scope: Scope, topic: Topic, entry_id: str) -> Any:
        audience = (scope.organization_id, scope.visible_teams)
        key = (topic.name, entry_id, audience, asyncio.get_running_loop())
        if key not in self._pending:
            take = database_sync_to_async(topic.snapshot)(scope, {})
            self._pending[key] = asyncio.ensure_future(take)
            if len(self._pending) > self._size:
                self._pending.popitem(last=False)
        return await asyncio.shield(self._pending[key])


decoded = _Decoded()
personal = _Personal()
