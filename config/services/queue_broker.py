from __future__ import annotations

import logging
import time
from typing import Any

import redis
from django_q.brokers import redis_broker

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 0.25


class QueueBroker(redis_broker.Redis):
    """django-q2's Redis broker, but a Redis that is away is waited for.

    The original lets its reader die, whose successor comes ten seconds later.
    """

    _away = False

    def dequeue(self) -> list[tuple[None, bytes]] | None:
        try:
            task: list[tuple[None, bytes]] | None = super().dequeue()
        except redis.RedisError as error:
            if not self._away:
                logger.warning("Redis is away, waiting for it: %s", error)
            self._away = True
            time.sleep(_RETRY_SECONDS)
            return None
        if self._away:
            logger.warning("Redis is back.")
        self._away = False
        return task

    def ping(self) -> bool:
        """Never the reason not to start: `dequeue` waits."""
        return True

    def set_stat(self, key: str, value: Any, timeout: int) -> None:
        """Store django-q2's own statistics, which may be lost."""
        try:
            super().set_stat(key, value, timeout)
        except redis.RedisError as error:
            logger.debug("Statistics were not stored: %s", error)
