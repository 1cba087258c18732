"""How much waits in the inbox, counted cheaply, so that a flood is refused early."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping

from django.conf import settings
from django.db.models import Sum

from sources.models import InboxBatch

# How long a count may be believed; what this process adds meanwhile is added to it.
_BELIEVED_SECONDS = 0.5
# Records a second that a busy worker gets through: what a sender is told to wait for.
_DRAIN_RATE = 50_000
_MAX_RETRY_SECONDS = 60


class BacklogFullError(Exception):
    """Too much of the organization waits already; nothing of the deposit was taken."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"Try again in {retry_after_seconds} s.")
        self.retry_after_seconds = retry_after_seconds


class Backlog:
    """Waiting records by organization: one tenant's flood must not shut out another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted_at = -math.inf
        self._waiting: dict[int, int] = {}

    def check(self, arriving: Mapping[int, int]) -> None:
        """Raises BacklogFullError when an organization is at its limit already."""
        limit = settings.INGEST_BACKLOG_LIMIT
        for organization_id in arriving:
            waiting = self._current().get(organization_id, 0)
            if waiting >= limit:
                seconds = math.ceil(waiting / _DRAIN_RATE)
                raise BacklogFullError(min(seconds, _MAX_RETRY_SECONDS))

    @property
    def is_counted(self) -> bool:
        """Whether the next check need not ask the database."""
        return time.monotonic() - self._counted_at <= _BELIEVED_SECONDS

    def add(self, arrived: Mapping[int, int]) -> None:
        with self._lock:
            for organization_id, count in arrived.items():
                self._waiting.setdefault(organization_id, 0)
                self._waiting[organization_id] += count

    def forget(self) -> None:
        """Count anew at the next check."""
        with self._lock:
            self._counted_at = -math.inf

    def _current(self) -> dict[int, int]:
        with self._lock:
            if not self.is_counted:
                moment = time.monotonic()
                rows = InboxBatch.objects.values_list("organization_id")
                self._waiting = dict(rows.annotate(Sum("count")).order_by())
                self._counted_at = moment
            return self._waiting


backlog = Backlog()
