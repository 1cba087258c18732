"""What readiness is made of: each check looks, and says what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import redis
from django.db import connection

from accounts.services import heartbeats
from accounts.services.connections import redis_client

# A probe that waits longer has its answer.
TIMEOUT_SECONDS = 1.0
INBOX_MAY_WAIT = timedelta(seconds=60)

# The processes that must be at work, and what they are called in answers.
PROCESSES = {
    "worker-ingest": "the workers of queue ingest",
    "worker-default": "the workers of queue default",
    "collector": "the collector",
    "beat": "beat",
}

Check = Callable[[datetime], list[str]]


async def unready_reasons(now: datetime) -> list[str]:
    """Return why the platform cannot do its work: an empty list when it can."""
    answers = await asyncio.gather(
        _ask("database", database_reasons, now), _ask("Redis", redis_reasons, now)
    )
    return [reason for reasons in answers for reason in reasons]


async def _ask(name: str, check: Check, now: datetime) -> list[str]:
    try:
        # A thread of its own: the one that Django shares may hang in a dead server.
        answer = asyncio.to_thread(check, now)
        return await asyncio.wait_for(answer, TIMEOUT_SECONDS)
    except TimeoutError:
        return [f"The {name} did not answer within {TIMEOUT_SECONDS:g} s."]


def database_reasons(now: datetime) -> list[str]:
    """Look at the database, and through it at the processes and the inbox."""
    try:
        return [*process_reasons(now), *inbox_reasons(now)]
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not ready
        return [f"The database cannot be read: {_first_line(error)}"]
    finally:
        connection.close()


def process_reasons(now: datetime) -> list[str]:
    alive = heartbeats.living_kinds(now)
    seconds = int(heartbeats.ALIVE_FOR.total_seconds())
    return [
        f"No sign of life of {title} for {seconds} s."
        for kind, title in PROCESSES.items()
        if kind not in alive
    ]


def inbox_reasons(now: datetime) -> list[str]:
    # The pipeline's modules load the store; a process that never asks never pays.
    from sources.services.pipeline_state import oldest_age  # noqa: PLC0415

    age = oldest_age(now)
    if age is None or age <= INBOX_MAY_WAIT:
        return []
    return [
        f"The oldest batch in the inbox has waited for {age.total_seconds():.0f} s."
    ]


def redis_reasons(now: datetime) -> list[str]:
    with redis_client(timeout=TIMEOUT_SECONDS) as client:
        try:
            client.ping()
        except redis.RedisError as error:
            return [f"Redis does not answer: {_first_line(error)}"]
    return []


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
