"""What time does to heartbeats: a ping that does not come makes them go down."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from sources.models import Heartbeat
from sources.services.heartbeats.pings import note_flip

# Heartbeats that one transaction holds on to.
_AT_ONCE = 200


def anything_late(now: datetime) -> bool:
    return Heartbeat.unscoped.filter(late_at__lte=now).exists()


def mark_late(now: datetime) -> int:
    """Let those go down whose ping has not come; return how many there were.

    A heartbeat that is being pinged right now is left to the next look.
    """
    marked = 0
    while found := _mark_some(now):
        marked += found
    return marked


@transaction.atomic
def _mark_some(now: datetime) -> int:
    rows = Heartbeat.unscoped.select_for_update(skip_locked=True)
    late = list(rows.filter(late_at__lte=now).order_by("late_at")[:_AT_ONCE])
    for heartbeat in late:
        before = heartbeat.status
        heartbeat.status, heartbeat.late_at = Heartbeat.Status.DOWN, None
        heartbeat.last_start_at = None
        heartbeat.save(update_fields=["status", "late_at", "last_start_at"])
        if before != heartbeat.status:
            note_flip(heartbeat, before, now)
    return len(late)
