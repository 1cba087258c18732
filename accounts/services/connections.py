"""Connections to what this process shares with the others."""

from __future__ import annotations

import redis
from django.conf import settings


def redis_client(*, timeout: float) -> redis.Redis:
    """Return a client that gives up after so many seconds, to connect or to wait.

    It connects when it is first used. A forked process makes its own.
    """
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=timeout, socket_connect_timeout=timeout
    )
