"""Live push: one publish an event batch, replayable for clients that dropped.

A batch of events is appended to a capped Redis stream and published to every web
process in one atomic step, so that the order of the stream is the order in which
clients see it. An event's id is `<stream id>.<index in the batch>`.

Redis is only speed here: without it nothing is shown live, and nothing is lost.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import orjson
import redis
from django.conf import settings

from accounts.services.connections import shared_redis
from monitoring.live.encoding import line_events, sample_events
from monitoring.telemetry import LogBatch, SampleBatch, distinct

logger = logging.getLogger(__name__)

# Events of one stream entry: what one filter pass and one frame of a client cost.
ENTRY_EVENTS = 250
# Entries kept for replay, and for how long after the last one.
REPLAY_ENTRIES = 400
REPLAY_SECONDS = 3600
# A burst beyond this shows its newest part live; all of it is stored.
BURST_LINES = 2500
BURST_SERIES = 1000
SKIPPED = "skipped"

# Appends and publishes in one step. Channel and message are what
# channels_redis.pubsub.RedisPubSubChannelLayer.group_send() would have sent.
_PUBLISH = """
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*',
                      'team', ARGV[3], 'events', ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('PUBLISH', ARGV[5], cmsgpack.pack({
    type = 'live.events', topic = ARGV[6], id = id, team = ARGV[3], events = ARGV[4]}))
return id
"""


def stream_key(organization_id: int, topic: str) -> str:
    return f"vedette:live:{organization_id}:{topic}"


def group_name(organization_id: int, topic: str) -> str:
    return f"live.{organization_id}.{topic}"


def publish(
    organization_id: int,
    topic: str,
    data: Mapping[str, Any],
    *,
    team_id: int | None = None,
) -> None:
    """Show one event to whoever listens now. Call it after the commit; never raises."""
    publish_many(organization_id, topic, [data], team_id=team_id)


def publish_many(
    organization_id: int,
    topic: str,
    events: Sequence[Mapping[str, Any]],
    *,
    team_id: int | None = None,
) -> None:
    """Show events in their order. Call it after the commit; never raises.

    Events of a team reach its members and the organization's admins only.
    """
    for start in range(0, len(events), ENTRY_EVENTS):
        chunk = orjson.dumps(events[start : start + ENTRY_EVENTS])
        try:
            _publish_chunk(organization_id, topic, chunk, team_id)
        except redis.RedisError as error:
            logger.warning("Live push of %s is lost: %s", topic, error)
            return


def publish_lines(
    organization_id: int,
    batch: LogBatch,
    *,
    team_id: int | None,
    ingested_at: datetime,
) -> None:
    """Show log lines on the topic `logs`; of a great burst the newest only.

    The first of these says how many were left out.
    """
    events = line_events(batch, ingested_at=ingested_at, newest=BURST_LINES)
    if len(events) < batch.count:
        events[0][SKIPPED] = batch.count - len(events)
    publish_many(organization_id, "logs", events, team_id=team_id)


def publish_samples(
    organization_id: int, batch: SampleBatch, *, team_id: int | None
) -> None:
    """Show the latest sample of each series on the topic `metrics`."""
    if len(distinct(batch.series_index)) > BURST_SERIES:
        return
    publish_many(organization_id, "metrics", sample_events(batch), team_id=team_id)


def has_listeners(organization_id: int, topic: str) -> bool:
    """Whether any web process holds a subscription; False when Redis is away."""
    channel = _channel(group_name(organization_id, topic))
    try:
        counts: Any = shared_redis(timeout=2).pubsub_numsub(channel)
        return any(count for _, count in counts)
    except redis.RedisError:
        return False


def _publish_chunk(
    organization_id: int, topic: str, events: bytes, team_id: int | None
) -> None:
    _script(shared_redis(timeout=2))(
        keys=[stream_key(organization_id, topic)],
        args=[
            REPLAY_ENTRIES,
            REPLAY_SECONDS,
            "" if team_id is None else team_id,
            events,
            _channel(group_name(organization_id, topic)),
            topic,
        ],
    )


def _channel(group: str) -> str:
    layer: Any = settings.CHANNEL_LAYERS["default"]
    return f"{layer['CONFIG']['prefix']}__group__{group}"


@cache
def _script(client: redis.Redis) -> Any:
    return client.register_script(_PUBLISH)
