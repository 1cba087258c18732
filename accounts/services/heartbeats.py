"""Signs of life of the platform's processes: how readiness knows who works."""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta
from typing import Any

from accounts.models import ProcessHeartbeat

# A process beats every few seconds; a busy worker comes to it a little later.
ALIVE_FOR = timedelta(seconds=45)
FORGOTTEN_AFTER = timedelta(hours=1)


def beat(kind: str, now: datetime, detail: dict[str, Any] | None = None) -> None:
    """Say that this process of that kind is alive and at work."""
    host, pid = socket.gethostname(), os.getpid()
    ProcessHeartbeat.objects.bulk_create(
        [
            ProcessHeartbeat(
                kind=kind,
                name=f"{kind}@{host}:{pid}",
                host=host[:100],
                pid=pid,
                started_at=now,
                beat_at=now,
                detail=detail or {},
            )
        ],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["beat_at", "detail"],
    )


def alive(kind: str, now: datetime) -> bool:
    """Whether any process of that kind has lately said that it is alive."""
    return kind in living_kinds(now)


def living_kinds(now: datetime) -> set[str]:
    since = now - ALIVE_FOR
    kinds = ProcessHeartbeat.objects.filter(beat_at__gte=since).order_by()
    return set(kinds.values_list("kind", flat=True).distinct())


def forget_the_dead(now: datetime) -> None:
    """Delete the records of processes that ended long ago."""
    ProcessHeartbeat.objects.filter(beat_at__lt=now - FORGOTTEN_AFTER).delete()
