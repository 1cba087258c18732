"""`/ws/live`: subscriptions, snapshots and replay on one socket; see docs/websocket.md."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass, field
from typing import Any

import orjson
import psycopg
import redis.asyncio
from autobahn.exception import Disconnected
from channels.db import database_sync_to_async
from django.conf import settings
from django.db import Error as DatabaseError
from redis.exceptions import RedisError
from typing_extensions import override

from accounts.consumers import CloseCode, OrganizationConsumer
from monitoring.live import SKIPPED, group_name, shared
from monitoring.live.filters import Filter
from monitoring.live.messages import (
    RefusedError,
    after_of,
    filter_of,
    parse,
    topic_of,
)
from monitoring.live.replay import Entry, EventId, entries_after, has_gap
from monitoring.live.topics import find
from monitoring.live.transport import WriteGate

logger = logging.getLogger(__name__)

MAX_SUBSCRIPTIONS = 50
# Client messages: a bucket of this size that refills at this rate a second.
MESSAGE_BURST, MESSAGE_RATE = 60, 10
# Frames that may wait for a slow client, before it is told to come back and resume.
MAX_WAITING_FRAMES = 2000
HEARTBEAT_SECONDS = 20


@dataclass(slots=True)
class Subscription:
    """What a client listens to, and the last event that it was sent."""

    topic: str
    condition: Filter | None = None
    batch: bool = False
    last: EventId | None = None
    # Live entries that arrive while the replay is still being read.
    replaying: bool = False
    held: list[Entry] = field(default_factory=list)


class LiveConsumer(OrganizationConsumer):
    """One client: what it says, what it listens to, and what waits to be sent to it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.subscriptions: dict[str, Subscription] = {}
        self._outgoing: asyncio.Queue[str] = asyncio.Queue(MAX_WAITING_FRAMES)
        self._jobs: set[asyncio.Task[None]] = set()
        self._redis: redis.asyncio.Redis | None = None
        self._allowance, self._counted_at = float(MESSAGE_BURST), time.monotonic()

    # --- Life of the connection ---------------------------------------------------

    @override
    async def opened(self) -> None:
        self._gate = WriteGate(self.base_send)
        self._spawn(self._write())
        self._spawn(self._heartbeat())
        self._say(
            {
                "type": "hello",
                "organization": self.access.organization_slug,
                "heartbeat": HEARTBEAT_SECONDS,
            }
        )

    @override
    async def disconnect(self, code: int) -> None:
        for job in list(self._jobs):
            job.cancel()
        for topic in list(self.subscriptions):
            await self._leave(topic)
        if self._redis is not None:
            await self._redis.aclose()
        await super().disconnect(code)

    def _spawn(self, work: Any) -> None:
        job = asyncio.create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            self._say({"type": "heartbeat"})

    async def _write(self) -> None:
        """The one writer: waits for a slow client, so that its queue fills up."""
        with contextlib.suppress(Disconnected):
            while True:
                frame = await self._outgoing.get()
                await self._gate.opened()
                await self.send(text_data=frame)

    def _say(self, message: dict[str, Any]) -> None:
        self._send_frame(orjson.dumps(message).decode())

    def _send_frame(self, frame: str) -> None:
        try:
            self._outgoing.put_nowait(frame)
        except asyncio.QueueFull:
            self._spawn(self.close(code=CloseCode.TOO_SLOW))

    # --- What clients say -----------------------------------------------------------

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None
    ) -> None:
        if not self._within_rate():
            await self.close(code=CloseCode.TOO_MANY_MESSAGES)
            return
        try:
            message = parse(text_data, bytes_data)
            await self._answer(message)
        except RefusedError as refusal:
            self._say({"type": "error", "code": refusal.code, "detail": refusal.detail})

    def _within_rate(self) -> bool:
        now = time.monotonic()
        refill = (now - self._counted_at) * MESSAGE_RATE
        self._allowance = min(MESSAGE_BURST, self._allowance + refill) - 1
        self._counted_at = now
        return self._allowance >= 0

    async def _answer(self, message: dict[str, Any]) -> None:
        match message.get("action"):
            case "ping":
                self._say({"type": "pong"})
            case "subscribe":
                await self._subscribe(message)
            case "unsubscribe":
                await self._unsubscribe(message)
            case "request":
                await self._snapshot(message)
            case action:
                raise RefusedError(
                    "unknown_action",
                    f"There is no action {action!r}: use subscribe, unsubscribe, request or ping.",
                )

    async def _subscribe(self, message: dict[str, Any]) -> None:
        topic = topic_of(message).name
        after = after_of(message)
        subscription = Subscription(
            topic,
            condition=filter_of(message),
            batch=message.get("batch") is True,
            last=after,
            replaying=after is not None,
        )
        if topic not in self.subscriptions:
            if len(self.subscriptions) >= MAX_SUBSCRIPTIONS:
                raise RefusedError(
                    "too_many_subscriptions",
                    f"At most {MAX_SUBSCRIPTIONS} topics on one connection.",
                )
            await self._join(topic)
        self.subscriptions[topic] = subscription
        self._say({"type": "subscribed", "topic": topic})
        if after is not None and not find(topic).personal:
            self._spawn(self._replay(subscription, after))

    async def _unsubscribe(self, message: dict[str, Any]) -> None:
        topic = topic_of(message).name
        if topic in self.subscriptions:
            await self._leave(topic)
        self._say({"type": "unsubscribed", "topic": topic})

    async def _snapshot(self, message: dict[str, Any]) -> None:
        topic = topic_of(message)
        if topic.snapshot is None:
            raise RefusedError("no_snapshot", f"{topic.name} has events only.")
        condition = filter_of(message)
        try:
            data = await database_sync_to_async(topic.snapshot)(
                self.access, message.get("filter") or {}
            )
        except ValueError as error:
            raise RefusedError("invalid_filter", str(error)) from None
        except (DatabaseError, psycopg.Error) as error:
            logger.warning("No snapshot of %s: %s", topic.name, error)
            raise RefusedError(
                "unavailable", f"{topic.name} cannot be read now: ask again."
            ) from None
        if condition is not None and isinstance(data, list):
            passing = condition.passing(data)
            data = [one for one, good in zip(data, passing, strict=True) if good]
        self._say({"type": "snapshot", "topic": topic.name, "data": data})

    # --- Groups and events ------------------------------------------------------------

    async def _join(self, topic: str) -> None:
        group = group_name(self.access.organization_id, topic)
        try:
            await self.channel_layer.group_add(group, self.channel_name)
        except (RedisError, OSError):
            raise RefusedError(
                "unavailable", "Live updates are away for a moment: subscribe again."
            ) from None

    async def _leave(self, topic: str) -> None:
        self.subscriptions.pop(topic, None)
        group = group_name(self.access.organization_id, topic)
        with contextlib.suppress(RedisError, OSError):
            await self.channel_layer.group_discard(group, self.channel_name)

    async def live_events(self, message: dict[str, Any]) -> None:
        """Called by the channel layer for each published batch."""
        subscription = self.subscriptions.get(message["topic"])
        if subscription is None:
            return
        entry = Entry(message["id"], message["team"], message["events"])
        if find(subscription.topic).personal:
            self._spawn(self._deliver_personal(subscription, entry))
        elif subscription.replaying:
            subscription.held.append(entry)
        else:
            self._deliver(subscription, entry)

    async def _deliver_personal(self, subscription: Subscription, entry: Entry) -> None:
        data = await shared.personal.snapshot(
            self.access, find(subscription.topic), entry.id
        )
        if subscription.condition is None or subscription.condition(data):
            self._send_events(subscription, [{"id": f"{entry.id}.0", "data": data}])

    async def _replay(self, subscription: Subscription, after: EventId) -> None:
        organization_id, topic = self.access.organization_id, subscription.topic
        client = self._redis_client()
        try:
            if after.ms and await has_gap(client, organization_id, topic, after):
                self._say(
                    {
                        "type": "error",
                        "code": "replay_gap",
                        "topic": topic,
                        "detail": "Older events are no longer kept here: read them over REST.",
                    }
                )
            async for entry in entries_after(client, organization_id, topic, after):
                self._deliver(subscription, entry)
                await self._drained()
        except RedisError as error:
            logger.warning("Replay of %s failed: %s", topic, error)
        subscription.replaying = False
        held, subscription.held = subscription.held, []
        for entry in held:
            self._deliver(subscription, entry)

    async def _drained(self) -> None:
        """Let the client take what it was sent: a replay must not overflow its queue."""
        while self._outgoing.qsize() > MAX_WAITING_FRAMES // 4:  # noqa: ASYNC110 - a queue has no event for half empty
            await asyncio.sleep(0.05)

    def _deliver(self, subscription: Subscription, entry: Entry) -> None:
        if not self.access.sees_team(int(entry.team) if entry.team else None):
            return
        place = EventId.parse(entry.id)
        chosen = []
        events = shared.decoded.events(subscription.topic, entry)
        wanted = subscription.condition
        passing = wanted.passing(events) if wanted else [True] * len(events)
        self._tell_skipped(subscription, place, events)
        for index, data in enumerate(events):
            event_id = EventId(place.ms, place.sequence, index)
            if subscription.last is not None and event_id <= subscription.last:
                continue
            if passing[index]:
                chosen.append({"id": str(event_id), "data": data})
        subscription.last = EventId(place.ms, place.sequence, 999_999)
        self._send_events(subscription, chosen)

    def _tell_skipped(
        self, subscription: Subscription, place: EventId, events: list[Any]
    ) -> None:
        """Say how many lines of a burst are not shown, whatever filter there is."""
        first = events[0] if events else None
        skipped = first.get(SKIPPED) if isinstance(first, dict) else None
        known = subscription.last
        if skipped and (known is None or known < EventId(place.ms, place.sequence, 0)):
            topic = subscription.topic
            self._say({"type": SKIPPED, "topic": topic, "count": skipped})

    def _send_events(
        self, subscription: Subscription, events: list[dict[str, Any]]
    ) -> None:
        topic = subscription.topic
        if subscription.batch and events:
            self._say({"type": "events", "topic": topic, "events": events})
            return
        for event in events:
            self._say({"type": "event", "topic": topic, **event})

    def _redis_client(self) -> redis.asyncio.Redis:
        if self._redis is None:
            self._redis = redis.asyncio.Redis.from_url(
                settings.REDIS_URL, decode_responses=True
            )
        return self._redis
