"""Query parameters of the alert lists: parsed once, refused precisely."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q
from django.utils.dateparse import parse_datetime
from rest_framework.exceptions import ValidationError

from alerts.models import Alert, Notification, Severity
from monitoring.durations import InvalidDurationError, parse_duration

_PAGING = {"limit", "cursor"}
_OPEN = [Alert.Status.FIRING, Alert.Status.ACKNOWLEDGED]


def conditions(
    query: Mapping[str, str], known: Mapping[str, Callable[..., Q]], **context: Any
) -> list[Q]:
    """Return a condition for each parameter given. Raises ValidationError."""
    unknown = sorted(set(query) - set(known) - _PAGING)
    if unknown:
        names = ", ".join(sorted({*known, *_PAGING}))
        words = [f"Unknown parameter; known: {names}."]
        raise ValidationError(dict.fromkeys(unknown, words))
    wrong = [name for name, value in query.items() if "\0" in value]
    if wrong:
        words = ["Null characters are not allowed."]
        raise ValidationError(dict.fromkeys(wrong, words))
    return [
        known[name](value, **context) for name, value in query.items() if name in known
    ]


def _one_of(name: str, value: str, choices: list[str]) -> list[str]:
    words = [word.strip() for word in value.split(",") if word.strip()]
    if not words or not set(words) <= set(choices):
        raise ValidationError({name: [f"Choose among {', '.join(choices)}."]})
    return words


def _status(value: str, *, now: datetime) -> Q:
    words = _one_of("status", value, [*Alert.Status.values, "open"])
    wanted = {word for word in words if word != "open"}
    return Q(status__in=wanted | (set(_OPEN) if "open" in words else set()))


def _severity(value: str, *, now: datetime) -> Q:
    return Q(severity__in=_one_of("severity", value, Severity.values))


def _namespace(value: str, *, now: datetime) -> Q:
    return Q(namespace=value)


def _team(value: str, *, now: datetime) -> Q:
    return Q(team_id=int(value)) if _is_id(value) else Q(team__slug=value)


def _rule(value: str, *, now: datetime) -> Q:
    return Q(rule_id=int(value)) if _is_id(value) else Q(rule__name=value)


def _source(value: str, *, now: datetime) -> Q:
    return Q(labels__source=value)


def _text(value: str, *, now: datetime) -> Q:
    return Q(name__icontains=value) | Q(labels__icontains=value)


def _assignee(value: str, *, now: datetime) -> Q:
    if value == "none":
        return Q(assignee__isnull=True)
    return Q(assignee_id=int(value)) if _is_id(value) else Q(assignee__email=value)


def _since(value: str, *, now: datetime) -> Q:
    return Q(started_at__gte=_moment("since", value, now=now))


def _until(value: str, *, now: datetime) -> Q:
    return Q(started_at__lt=_moment("until", value, now=now))


def _is_id(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) < 19  # noqa: PLR2004 - a bigint


def _moment(name: str, value: str, *, now: datetime) -> datetime:
    """Return the moment of an RFC 3339 time, Unix seconds, or so long ago (1h)."""
    try:
        if value[-1:].isalpha() and value[-1:] not in "Zz":
            return now - parse_duration(value)
        if value.replace(".", "", 1).isdigit():
            return datetime.fromtimestamp(float(value), UTC)
        parsed = parse_datetime(value.replace(" ", "+"))
    except (InvalidDurationError, ValueError, OverflowError, OSError):
        parsed = None
    if parsed is None:
        words = ["Give an RFC 3339 time, Unix seconds, or a duration such as 1h."]
        raise ValidationError({name: words})
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _notification_status(value: str, *, now: datetime) -> Q:
    return Q(status__in=_one_of("status", value, Notification.Status.values))


def _alert(value: str, *, now: datetime) -> Q:
    if not _is_id(value):
        raise ValidationError({"alert": ["Give an alert's id."]})
    return Q(alert_id=int(value))


def _channel(value: str, *, now: datetime) -> Q:
    return Q(channel_id=int(value)) if _is_id(value) else Q(channel__name=value)


def _kind(value: str, *, now: datetime) -> Q:
    return Q(kind=value)


def _enabled(value: str, *, now: datetime) -> Q:
    return Q(enabled=_one_of("enabled", value, ["true", "false"]) == ["true"])


ALERTS = {
    "status": _status,
    "severity": _severity,
    "team": _team,
    "rule": _rule,
    "source": _source,
    "assignee": _assignee,
    "q": _text,
    "since": _since,
    "until": _until,
}
NOTIFICATIONS = {
    "status": _notification_status,
    "alert": _alert,
    "channel": _channel,
}
RULES = {"kind": _kind, "enabled": _enabled, "team": _team}
RULE_GROUPS = {"namespace": _namespace, "team": _team}
CHANNELS = {"kind": _kind, "enabled": _enabled, "team": _team}
