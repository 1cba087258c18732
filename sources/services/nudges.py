"""Waking the ingest workers: one message for any number of deposits.

No wake-up is lost. A deposit commits before it nudges; a drain takes the key away
before it looks. So a nudge that finds the key taken has a drain ahead of it that
will look after its commit. What Redis loses, beat's sweep finds within a second.
"""

from __future__ import annotations

import logging
from functools import cache
from threading import Event
from typing import Any

import redis
from django_q.brokers import get_broker
from django_q.tasks import async_task

from accounts.services.connections import shared_redis

logger = logging.getLogger(__name__)

_KEY = "vedette:ingest:nudge"
_COALESCE_MS = 500
# Set while Redis is away.
_away = Event()


def nudge() -> None:
    """Ask for a drain, unless one is asked for already. Never raises for Redis."""
    try:
        if _redis().set(_KEY, b"1", nx=True, px=_COALESCE_MS):
            options = {"cluster": "ingest", "broker": _broker()}
            async_task("sources.tasks.drain_inbox", q_options=options)
        _away.clear()
    except redis.RedisError as error:
        _tell("The ingest workers were not woken: %s", error)


def answer_nudges() -> None:
    """Say that a drain is about to look: deposits from now on ask for another one."""
    try:
        _redis().delete(_KEY)
        _away.clear()
    except redis.RedisError as error:
        _tell("The nudge was not taken away: %s", error)


def _tell(message: str, error: redis.RedisError) -> None:
    """Warn once an outage: a warning a deposit would be a line to collect, and so on."""
    if not _away.is_set():
        _away.set()
        logger.warning(message, error)


@cache
def _broker() -> Any:
    """One connection a process; django-q would open one for each task."""
    return get_broker("ingest")


def _redis() -> Any:
    return shared_redis(timeout=1)
