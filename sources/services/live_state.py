"""Showing sources live: at most once a second, and only what has changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.db.models import Q, QuerySet

from monitoring import live
from monitoring.moments import iso
from sources.models import Source
from sources.models.source import QUIET_AFTER, status_at

# Beat asks once a second; twice that, so that a late beat misses nothing.
_WINDOW = timedelta(seconds=2)


def anything_changed(now: datetime) -> bool:
    return _changed(now).exists()


def publish_states(now: datetime) -> None:
    """Publish on the topic `sources` what came in, failed or fell quiet just now."""
    changed = _changed(now).order_by("organization_id", "team_id", "pk")
    for (organization_id, team_id), sources in groupby(changed, _audience):
        events = [state_event(source) for source in sources]
        live.publish_many(organization_id, "sources", events, team_id=team_id)


def _audience(source: Source) -> tuple[int, int | None]:
    return source.organization_id, source.team_id


def state_event(source: Source) -> dict[str, Any]:
    """Return what the list of sources shows of one; `source` comes from with_status."""
    state = getattr(source, "state", None)
    return {
        "id": source.pk,
        "name": source.name,
        "status": source.status,  # type: ignore[attr-defined]  # of with_status()
        "lines_total": state.lines_total if state else 0,
        "bytes_total": state.bytes_total if state else 0,
        "samples_total": state.samples_total if state else 0,
        "last_seen": iso(state.last_seen if state else None),
        "last_error": state.last_error if state else "",
    }


def _changed(now: datetime) -> QuerySet[Source]:
    since = now - _WINDOW
    recent = Q(state__last_seen__gt=since) | Q(state__last_error_at__gt=since)
    fell_quiet = Q(
        state__last_seen__gt=since - QUIET_AFTER,
        state__last_seen__lte=now - QUIET_AFTER,
    )
    changed = Source.unscoped.filter(recent | fell_quiet)
    return changed.annotate(status=status_at(now)).select_related("state")
