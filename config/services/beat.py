"""Every second: what is due? Beat only enqueues; the work is done by workers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from importlib import import_module
from typing import Any, Protocol

import redis
from django.apps import apps
from django.db import DatabaseError, InterfaceError, connection
from django.utils.module_loading import module_has_submodule
from django_q.brokers import get_broker
from django_q.tasks import async_task

from accounts.periodic import Call
from accounts.services import heartbeats
from config.services.claims import claim, release

logger = logging.getLogger(__name__)


class Due(Protocol):
    """An app's `periodic.due`."""

    __module__: str
    __qualname__: str

    def __call__(self, now: datetime) -> list[Call]: ...


SECOND = timedelta(seconds=1)
# A second missed because the database was slow is asked for later, this far back.
_CATCH_UP = 60
_HEARTBEAT_EVERY = timedelta(seconds=5)
# Any number will do: it is this platform's within its database.
_LEADERSHIP = 0x7EDE77E


def periodic_modules() -> list[Due]:
    """Return the `due` of every app that has a `periodic.py`."""
    return [
        import_module(f"{config.name}.periodic").due
        for config in apps.get_app_configs()
        if config.module and module_has_submodule(config.module, "periodic")
    ]


class Beat:
    """One process that may be the leader among any number of equals.

    The leader holds an advisory lock of its database session: when the session
    ends, however it ends, the lock is free for another.
    """

    def __init__(self, dues: Sequence[Due]) -> None:
        self._dues = dues
        self._asked_until: datetime | None = None
        self._last_heartbeat: datetime | None = None
        self._complaints = Complaints()
        self.leads = False

    def tick(self, now: datetime) -> int:
        """Enqueue what is due, when leading; return how many tasks that made.

        A database or a Redis that is away is no error here: the next tick tries
        again.
        """
        try:
            self._lead()
            self._show_life(now)
            calls = self._due_calls(now) if self.leads else []
        except (DatabaseError, InterfaceError) as error:
            self._complaints.note("database", f"The database is away: {error}")
            self.leads = False
            connection.close()
            return 0
        self._complaints.settle("database", "The database is back.")
        return self._enqueue(calls)

    def _lead(self) -> None:
        """Become or remain the leader, if nobody else is."""
        connection.ensure_connection()
        query = "SELECT 1" if self.leads else "SELECT pg_try_advisory_lock(%s)"
        with connection.cursor() as cursor:
            cursor.execute(query, None if self.leads else [_LEADERSHIP])
            row = cursor.fetchone()
        if not self.leads and row and row[0]:
            self.leads = True
            self._asked_until = None
            logger.info("Beat leads.")

    def _show_life(self, now: datetime) -> None:
        last = self._last_heartbeat
        if last is None or not last <= now < last + _HEARTBEAT_EVERY:
            heartbeats.beat("beat", now, {"leads": self.leads})
            self._last_heartbeat = now

    def _due_calls(self, now: datetime) -> list[Call]:
        calls: dict[tuple[str, str], Call] = {}
        for moment in self._moments(now):
            for due in self._dues:
                asked = self._ask(due, moment)
                calls |= {(call.cluster, call.key): call for call in asked}
        self._asked_until = now.replace(microsecond=0)
        return list(calls.values())

    def _moments(self, now: datetime) -> list[datetime]:
        """Return now, after the whole seconds that were missed."""
        this = now.replace(microsecond=0)
        since = self._asked_until
        if since is None:
            return [now]
        missed = min(int((this - since) / SECOND) - 1, _CATCH_UP)
        return [this - SECOND * ago for ago in range(missed, 0, -1)] + [now]

    def _ask(self, due: Due, moment: datetime) -> list[Call]:
        """One app's mistake must not stop the others' work."""
        name = f"{due.__module__}.{due.__qualname__}"
        try:
            calls = due(moment)
        except (DatabaseError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever an app may do wrong
            self._complaints.note(name, f"{name} failed: {error!r}")
            return []
        self._complaints.settle(name, f"{name} works again.")
        return calls

    def _enqueue(self, calls: Sequence[Call]) -> int:
        try:
            made = sum(enqueue(call) for call in calls)
        except redis.RedisError as error:
            self._complaints.note("redis", f"Redis is away, nothing runs: {error}")
            return 0
        if calls:
            self._complaints.settle("redis", "Redis is back.")
        return made


def enqueue(call: Call) -> bool:
    """Enqueue a call, unless an earlier task of it waits or runs."""
    name = claim(call.cluster, call.key)
    if name is None:
        return False
    options: dict[str, Any] = {"group": name, "broker": _broker(call.cluster)}
    try:
        async_task(
            call.path, *call.args, q_options={**options, "cluster": call.cluster}
        )
    except redis.RedisError:
        release(name)
        raise
    return True


@cache
def _broker(cluster: str) -> Any:
    """One connection a queue; django-q2 would open one for each task."""
    return get_broker(cluster)


class Complaints:
    """Says what is wrong once, not every second, and when it is over."""

    def __init__(self) -> None:
        self._open: dict[str, str] = {}

    def note(self, subject: str, message: str) -> None:
        if self._open.get(subject) is None:
            logger.error(message)
        self._open[subject] = message

    def settle(self, subject: str, message: str) -> None:
        if self._open.pop(subject, None) is not None:
            logger.warning(message)
