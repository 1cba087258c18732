"""How much waits in the inbox, counted cheaply, so that a flood is refused early."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
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
        self._lock, self._counting = threading.Lock(), threading.Lock()
        self._counted_at = -math.inf
        self._waiting: Counter[int] = Counter()
        # What has come since the last count began.
        self._added: Counter[int] = Counter()

    def check(self, arriving: Mapping[int, int]) -> None:
        """Raises BacklogFullError when an organization is at its limit already."""
        if arriving and not self._is_believed:
            self._count()
        self._refuse_over_limit(arriving)

    def check_believed(self, arriving: Mapping[int, int]) -> bool:
        """As `check` does, but wait for nothing: return False where the count is old.

        For the event loop, which may not ask the database.
        """
        believed = self._is_believed
        if believed:
            self._refuse_over_limit(arriving)
        return believed

    def add(self, arrived: Mapping[int, int]) -> None:
        with self._lock:
            self._waiting.update(arrived)
            self._added.update(arrived)

    def forget(self) -> None:
        """Count anew at the next check."""
        self._counted_at = -math.inf

    @property
    def _is_believed(self) -> bool:
        return time.monotonic() - self._counted_at <= _BELIEVED_SECONDS

    def _refuse_over_limit(self, arriving: Mapping[int, int]) -> None:
        for organization_id in arriving:
            waiting = self._waiting[organization_id]
            if waiting >= settings.INGEST_BACKLOG_LIMIT:
                seconds = math.ceil(waiting / _DRAIN_RATE)
                raise BacklogFullError(min(seconds, _MAX_RETRY_SECONDS))

    def _count(self) -> None:
        """One thread counts, those that need the count wait, and no addition does."""
        with self._counting:
            if self._is_believed:
                return
            moment = time.monotonic()
            with self._lock:
                self._added = Counter()
            rows = InboxBatch.objects.values_list("organization_id")
            counted = Counter(dict(rows.annotate(Sum("count")).order_by()))
            with self._lock:
                # Counted twice it may be, but not left out.
                self._waiting = counted + self._added
                self._counted_at = moment


backlog = Backlog()
