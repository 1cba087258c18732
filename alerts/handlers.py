"""What alerts offer on the live socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accounts.scope import Scope
from alerts.models import Alert
from alerts.services.presentation import alert_json
from monitoring.live import topics

# As many as a page can show; the rest is to be had over REST.
MOST = 500


def register_topics() -> None:
    topics.register("alerts", _open_alerts)


def _open_alerts(scope: Scope, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    alerts = Alert.objects.visible_to(scope).open().told()
    related = alerts.select_related("organization", "team", "rule", "assignee")
    return [alert_json(alert) for alert in related[:MOST]]
