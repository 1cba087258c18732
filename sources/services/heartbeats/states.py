"""A heartbeat's state at a time, and when it changes by itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from sources.models import Heartbeat
from sources.services.heartbeats.schedules import Schedule

GRACE = "grace"
_Status = Heartbeat.Status


def grace_of(heartbeat: Heartbeat) -> timedelta:
    return timedelta(seconds=heartbeat.grace_seconds)


def due_at(heartbeat: Heartbeat) -> datetime | None:
    """Return when the next ping is due; None before the first one and while down."""
    if heartbeat.status != _Status.UP or heartbeat.last_ping_at is None:
        return None
    return Schedule.of(heartbeat).next_after(heartbeat.last_ping_at)


def late_at(heartbeat: Heartbeat) -> datetime | None:
    """Return when it goes down unless a ping comes before; None for never.

    A job that has said it starts must end within the grace, too.
    """
    moments = []
    if heartbeat.last_start_at is not None and heartbeat.status != _Status.DOWN:
        moments.append(heartbeat.last_start_at + grace_of(heartbeat))
    due = due_at(heartbeat)
    if due is not None:
        moments.append(due + grace_of(heartbeat))
    return min(moments, default=None)


def status_at(heartbeat: Heartbeat, now: datetime) -> str:
    """Return new, up, grace, down or paused: what the stored status means now."""
    late = late_at(heartbeat)
    if late is not None and now >= late:
        return _Status.DOWN
    due = due_at(heartbeat)
    if due is not None and now >= due:
        return GRACE
    return heartbeat.status
