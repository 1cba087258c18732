"""A sample of what was just stored, for work that ingest must not wait for.

A capped Redis stream an organization: whoever is too slow misses the oldest, and what
Redis loses was a sample only. Offers of one commit are one entry.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import redis

from accounts.services.connections import shared_redis
from monitoring.analytics.sampling import sample
from monitoring.telemetry import CorruptBatchError, LogBatch

logger = logging.getLogger(__name__)

# Lines of one batch that are handed over, and batches that wait.
MAX_LINES = 5_000
MAX_WAITING = 64
WAITING_SECONDS = 900

_WAITING = "vedette:handover"
_COLUMNS = ["stream", "ts_ns", "line", "level"]
WEIGHT = "weight"


@dataclass(frozen=True, slots=True)
class Offer:
    """Sampled lines; the column `weight` says how many each stands for."""

    id: str
    team_id: int | None
    batch: LogBatch


def _key(organization_id: int) -> str:
    return f"{_WAITING}:{organization_id}"


def offer(organization_id: int, batch: LogBatch, *, team_id: int | None) -> None:
    """Hand over a sample of a parsed batch. Call it after the commit; never raises."""
    if batch.is_empty:
        return
    content = {"team": "" if team_id is None else team_id, "batch": _sampled(batch)}
    key = _key(organization_id)
    try:
        with _client().pipeline(transaction=False) as pipe:
            pipe.xadd(key, content, maxlen=MAX_WAITING, approximate=False)
            pipe.expire(key, WAITING_SECONDS)
            pipe.sadd(_WAITING, organization_id)
            pipe.execute()
    except redis.RedisError as error:
        logger.warning("A sample of lines is lost: %s", error)


def organizations() -> list[int]:
    """Return those that something waits for; none while Redis is away."""
    try:
        return sorted(int(pk) for pk in _client().smembers(_WAITING))
    except redis.RedisError:
        return []


def offers_after(organization_id: int, cursor: str, *, most: int) -> Iterator[Offer]:
    """Yield what was offered since; "" begins with the oldest. Raises RedisError."""
    start = f"({cursor}" if cursor else "-"
    found = _client().xrange(_key(organization_id), min=start, count=most)
    if len(found) < most:
        # What is offered from now on puts it back.
        _client().srem(_WAITING, organization_id)
    for entry_id, content in found:
        team = content[b"team"].decode()
        try:
            batch = LogBatch.decode(content[b"batch"])
        except CorruptBatchError as error:
            logger.warning("A sample of lines cannot be read: %s", error)
            continue
        yield Offer(entry_id.decode(), int(team) if team else None, batch)


def forget(organization_id: int) -> None:
    """Let go of what waits for an organization that is no more. Raises RedisError."""
    _client().srem(_WAITING, organization_id)
    _client().delete(_key(organization_id))


def _sampled(batch: LogBatch) -> bytes:
    table = batch.table.select(_COLUMNS)
    chosen = sample(
        table.column("stream").to_numpy(),
        table.column("level").to_numpy(),
        most=MAX_LINES,
    )
    table = table.take(pa.array(chosen.rows))
    used, index = np.unique(table.column("stream").to_numpy(), return_inverse=True)
    streams = tuple(batch.streams[place] for place in used)
    column = pa.array(index, table.schema.field("stream").type)
    table = table.set_column(0, "stream", column)
    table = table.append_column(WEIGHT, pa.array(chosen.weights))
    return LogBatch(streams, table).encode()


def _client() -> Any:
    return shared_redis(timeout=2)
