"""A heartbeat as people read it: its addresses, its schedule in words, its state."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from sources.models import Heartbeat
from sources.services.heartbeats.states import GRACE, status_at

STATUS_WORDS = {
    Heartbeat.Status.NEW: "Waiting for the first ping",
    Heartbeat.Status.UP: "On time",
    GRACE: "Late, still in its grace time",
    Heartbeat.Status.DOWN: "Down",
    Heartbeat.Status.PAUSED: "Paused",
}
# The platform's four statuses: what colour and icon a state has.
STATUS_COLOURS = {
    Heartbeat.Status.NEW: "unknown",
    Heartbeat.Status.UP: "ok",
    GRACE: "warning",
    Heartbeat.Status.DOWN: "critical",
    Heartbeat.Status.PAUSED: "unknown",
}


def ping_url(heartbeat: Heartbeat) -> str:
    return f"{settings.SITE_ROOT}/ping/{heartbeat.code}"


def slug_url(heartbeat: Heartbeat, key: str = "<PING_KEY>") -> str:
    """Return the address by slug; empty for a heartbeat without one."""
    if not heartbeat.slug:
        return ""
    return f"{settings.SITE_ROOT}/ping/{key}/{heartbeat.slug}"


def word_of(heartbeat: Heartbeat, now: datetime) -> str:
    return STATUS_WORDS[status_at(heartbeat, now)]


def colour_of(heartbeat: Heartbeat, now: datetime) -> str:
    return STATUS_COLOURS[status_at(heartbeat, now)]
