"""Query parameters as the API's schema describes them."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter

_TEAM = OpenApiParameter("team", str, description="A team's id or slug.")
_ENABLED = OpenApiParameter("enabled", bool)

ALERT_PARAMETERS = [
    OpenApiParameter(
        "status",
        str,
        description="Comma-separated: pending, firing, acknowledged, resolved, or open "
        "for firing and acknowledged.",
    ),
    OpenApiParameter(
        "severity",
        str,
        description="Comma-separated: info, warning, error, critical.",
    ),
    _TEAM,
    OpenApiParameter("rule", str, description="A rule's id or name."),
    OpenApiParameter("source", str, description="Value of the label `source`."),
    OpenApiParameter(
        "assignee", str, description="A user's id or e-mail address, or none."
    ),
    OpenApiParameter("q", str, description="Text in the name or the labels."),
    OpenApiParameter(
        "since",
        str,
        description="RFC 3339, Unix seconds, or a duration ago such as 1h.",
    ),
    OpenApiParameter("until", str, description="As since."),
]
NOTIFICATION_PARAMETERS = [
    OpenApiParameter(
        "status",
        str,
        description="Comma-separated: pending, delivered, dead, superseded.",
    ),
    OpenApiParameter("alert", int),
    OpenApiParameter("channel", str, description="A channel's id or name."),
]
RULE_PARAMETERS = [
    OpenApiParameter(
        "kind", str, enum=["threshold", "pattern", "alerting", "recording"]
    ),
    _ENABLED,
    _TEAM,
]
CHANNEL_PARAMETERS = [
    OpenApiParameter("kind", str, enum=["email", "webhook"]),
    _ENABLED,
    _TEAM,
]
