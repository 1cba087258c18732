"""Waking the ingest workers: one message for any number of deposits.

No wake-up is lost. A deposit commits before it nudges; a drain takes the key away
before it looks. So a nudge that finds the key taken has a drain ahead of it that
will look after its commit. A drain that will look again anyhow takes the key itself:
so one worker drains what one can, and is not joined by another for each drop. What
Redis loses, or a worker that dies, beat's sweep finds within seconds.
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
_NUDGED = b"nudged"
# A drain promises anew with each look; none takes longer than this.
_PROMISE_MS = 2_000
# KEYS: the key. ARGV: what a nudge has set, what this drain has.
_TAKE_AWAY = """
local held = redis.call('GET', KEYS[1])
if held == ARGV[1] or held == ARGV[2] then redis.call('DEL', KEYS[1]) end
"""
# Set while Redis is away.
_away = Event()


def nudge() -> None:
    """Ask for a drain, unless one is asked for already. Never raises for Redis."""
    try:
        if _redis().set(_KEY, _NUDGED, nx=True, px=_COALESCE_MS):
            options = {"cluster": "ingest", "broker": _broker()}
            async_task("sources.tasks.drain_inbox", q_options=options)
        _away.clear()
    except redis.RedisError as error:
        _tell("The ingest workers were not woken: %s", error)


def answer_nudges(drain: str = "") -> None:
    """Say that a drain is about to look: deposits from now on ask for another one.

    Not while another drain has promised to look again.
    """
    try:
        client = _redis()
        _script(client)(keys=[_KEY], args=[_NUDGED, drain])
        _away.clear()
    except redis.RedisError as error:
        _tell("The nudge was not taken away: %s", error)


def promise_to_look(drain: str) -> None:
    """Let deposits from now on ask for nothing: this drain is going to look again."""
    try:
        _redis().set(_KEY, drain, px=_PROMISE_MS)
    except redis.RedisError as error:
        _tell("Nudges were not put off: %s", error)


def _tell(message: str, error: redis.RedisError) -> None:
    """Warn once an outage: a warning a deposit would be a line to collect, and so on."""
    if not _away.is_set():
        _away.set()
        logger.warning(message, error)


@cache
def _broker() -> Any:
    """One connection a process; django-q would open one for each task."""
    return get_broker("ingest")


def _redis() -> redis.Redis:
    return shared_redis(timeout=1)


@cache
def _script(client: redis.Redis) -> Any:
    return client.register_script(_TAKE_AWAY)
