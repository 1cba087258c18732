"""Connections to what this process shares with the others."""

from __future__ import annotations

from functools import cache

import redis
from django.conf import settings


def redis_client(*, timeout: float) -> redis.Redis:
    """Return a client that gives up after so many seconds, to connect or to wait.

    It connects when it is first used.
    """
    return _client(settings.REDIS_URL, timeout)


def shared_redis(*, timeout: float) -> redis.Redis:
    """Return this process's own such client, whose connections are kept.

    A forked process connects anew.
    """
    return _shared_client(settings.REDIS_URL, timeout)


def _client(url: str, timeout: float) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=timeout, socket_connect_timeout=timeout
    )


# By its address: no test that takes Redis away leaves a dead one to the next.
_shared_client = cache(_client)
