"""What sources offer on the live socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from accounts.scope import Scope
from monitoring.live import topics
from sources.models import Source
from sources.services.health import health
from sources.services.live_state import state_event


def register_topics() -> None:
    topics.register("sources", _all_sources)
    topics.register("health", _health, personal=True)


def _all_sources(scope: Scope, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = Source.objects.visible_to(scope).with_status(timezone.now())
    return [state_event(source) for source in rows.select_related("state")]


def _health(scope: Scope, wanted: Mapping[str, Any]) -> dict[str, Any]:
    return health(scope, timezone.now())
