"""Failed log-ins: a few tries, then a pause, counted by e-mail address and client.

The count lives in Redis. Without Redis nobody is locked out, and nobody is slowed.
"""

from __future__ import annotations

import hashlib
import logging

import redis
from django.core.cache import cache

logger = logging.getLogger(__name__)

TRIES = 5
PAUSE_SECONDS = 300


def tries_left(email: str, ip: str | None) -> int:
    try:
        return max(0, TRIES - int(cache.get(_key(email, ip), 0)))
    except redis.RedisError as error:
        logger.warning("Log-in attempts are not counted: %s", error)
        return TRIES


def note_failure(email: str, ip: str | None) -> int:
    """Count a failed try; return how many are left before the pause."""
    key = _key(email, ip)
    try:
        cache.add(key, 0, timeout=PAUSE_SECONDS)
        failures = cache.incr(key)
        cache.touch(key, PAUSE_SECONDS)
    except (redis.RedisError, ValueError) as error:
        logger.warning("Log-in attempts are not counted: %s", error)
        return TRIES
    return max(0, TRIES - failures)


def forget(email: str, ip: str | None) -> None:
    """Start counting anew after a success."""
    try:
        cache.delete(_key(email, ip))
    except redis.RedisError as error:
        logger.warning("Log-in attempts are not forgotten: %s", error)


def _key(email: str, ip: str | None) -> str:
    told = f"{email.strip().lower()} {ip or ''}".encode()
    return f"login:{hashlib.blake2b(told, digest_size=16).hexdigest()}"
