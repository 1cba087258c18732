"""What keeps beat from enqueueing a call whose last task has not ended yet.

A claim is a key in Redis. The worker takes it away when the task has ended; a
cluster takes away all of its own when a worker dies; and every claim lapses.
"""

from __future__ import annotations

import logging
from typing import Any

import redis
from django.conf import settings

from accounts.services.connections import shared_redis

logger = logging.getLogger(__name__)

_PREFIX = "vedette:beat"
# As long as a task may run: the last net under a claim that nobody takes away.
_LIFETIME_SECONDS = settings.Q_CLUSTER["timeout"]


def store() -> redis.Redis:
    """This process's connection to Redis; a forked one makes its own."""
    return shared_redis(timeout=1)


def claim(cluster: str, key: str) -> str | None:
    """Return the claim's name for one task; None while another one has it.

    Raises redis.RedisError.
    """
    name = f"{_PREFIX}:{cluster}:{key}"
    return name if store().set(name, b"1", nx=True, ex=_LIFETIME_SECONDS) else None


def release(name: str) -> None:
    """Let beat enqueue the call again. Names of other things are left alone."""
    if not name.startswith(f"{_PREFIX}:"):
        return
    try:
        store().delete(name)
    except redis.RedisError as error:
        logger.debug("A claim was left to lapse: %s", error)


def release_after(task: dict[str, Any], **kwargs: object) -> None:
    """Hear from django-q2 that a worker has run a task, well or badly."""
    release(task.get("group") or "")


def release_all(cluster: str) -> None:
    """Take away what a cluster's dead processes no longer will."""
    try:
        names = list(store().scan_iter(f"{_PREFIX}:{cluster}:*", count=1000))
        if names:
            store().delete(*names)
    except redis.RedisError as error:
        logger.debug("Claims were left to lapse: %s", error)
