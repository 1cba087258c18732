"""Waking workers after a commit: the rows are the truth, the message is only speed."""

from __future__ import annotations

import logging
from functools import cache, partial
from typing import Any

import redis
from django.db import transaction
from django_q.brokers import get_broker
from django_q.tasks import async_task

logger = logging.getLogger(__name__)


def after_commit(path: str, *args: int) -> None:
    """Enqueue a task when the transaction commits; beat's sweep finds what is lost."""
    transaction.on_commit(partial(_enqueue, path, *args))


def _enqueue(path: str, *args: int) -> None:
    try:
        async_task(path, *args, q_options={"broker": _broker()})
    except redis.RedisError as error:
        logger.warning("%s%s was not enqueued: %s", path, args, error)


@cache
def _broker() -> Any:
    """One connection a process; django-q would open one for each task."""
    return get_broker()
