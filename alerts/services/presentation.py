"""How rules, alerts, channels and notifications look in JSON: REST and live alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from itertools import groupby
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts.models import Team, User
from alerts.models import (
    Alert,
    Notification,
    NotificationChannel,
    Rule,
    RuleLevel,
    Transition,
)
from alerts.services.previews import Preview
from monitoring import live
from monitoring.moments import iso


def alert_url(alert: Alert) -> str:
    path = reverse("alert-detail", args=[alert.organization.slug, alert.pk])
    return f"{settings.SITE_ROOT}{path}"


def alert_json(alert: Alert) -> dict[str, Any]:
    """Return an alert as the API and the live topic `alerts` show it."""
    return {
        "id": alert.pk,
        "name": alert.name,
        "status": alert.status,
        "severity": alert.severity,
        "value": alert.value,
        "labels": alert.labels,
        "annotations": alert.annotations,
        "team": team_json(alert.team),
        "rule": {"id": alert.rule.pk, "name": alert.rule.name} if alert.rule else None,
        "started_at": iso(alert.started_at),
        "fired_at": iso(alert.fired_at),
        "acknowledged_at": iso(alert.acknowledged_at),
        "acknowledged_by": alert.acknowledged_by or None,
        "assignee": user_json(alert.assignee),
        "resolved_at": iso(alert.resolved_at),
        "resolved_by": alert.resolved_by or None,
        "resolution": alert.resolution or None,
        "url": alert_url(alert),
    }


def team_json(team: Team | None) -> dict[str, Any] | None:
    return {"id": team.pk, "slug": team.slug, "name": team.name} if team else None


def user_json(user: User | None) -> dict[str, Any] | None:
    return {"id": user.pk, "name": str(user)} if user else None


def transition_json(transition: Transition) -> dict[str, Any]:
    return {
        "id": transition.pk,
        "kind": transition.kind,
        "at": iso(transition.at),
        "from_status": transition.from_status or None,
        "to_status": transition.to_status,
        "from_severity": transition.from_severity or None,
        "to_severity": transition.to_severity,
        "value": transition.value,
        "reason": transition.reason,
        "actor": transition.actor_name,
        "note": transition.note or None,
    }


def rule_json(rule: Rule) -> dict[str, Any]:
    """Return a rule; what of it can be written is valid input as it stands."""
    common = {
        "id": rule.pk,
        "name": rule.name,
        "description": rule.description,
        "kind": rule.kind,
        "enabled": rule.enabled,
        "team": team_json(rule.team),
        "group": _group_json(rule),
        "interval_seconds": rule.interval_seconds,
        "no_data": rule.no_data,
        "unit": rule.unit,
        "labels": rule.labels,
        "annotations": rule.annotations,
        "levels": [level_json(level) for level in rule.levels.all()],
        "state": health_json(rule),
        "created_at": iso(rule.created_at),
        "updated_at": iso(rule.updated_at),
    }
    return common | _sought_json(rule)


def _group_json(rule: Rule) -> dict[str, Any] | None:
    group = rule.group
    if group is None:
        return None
    return {"id": group.pk, "namespace": group.namespace, "name": group.name}


def _sought_json(rule: Rule) -> dict[str, Any]:
    if rule.kind != Rule.Kind.PATTERN:
        return {"query": rule.query, "language": rule.language}
    return {
        "pattern": rule.pattern,
        "ignore_case": rule.ignore_case,
        "matchers": rule.matchers,
        "group_by": rule.group_by,
        "window_seconds": rule.window_seconds,
    }


def level_json(level: RuleLevel) -> dict[str, Any]:
    return {
        "severity": level.severity,
        "comparator": level.comparator,
        "threshold": level.threshold,
        "recovery_threshold": level.recovery_threshold,
        "for": level.hold_seconds,
        "keep_firing_for": level.keep_firing_seconds,
        "channels": [channel.pk for channel in level.channels.all()],
    }


def health_json(rule: Rule) -> dict[str, Any]:
    """Return when the rule was evaluated and how that went."""
    state = getattr(rule, "state", None)
    evaluated = state.evaluated_at if state else None
    error = state.error if state else ""
    health = "error" if error else "ok" if evaluated else "unknown"
    return {
        "health": health,
        "evaluated_at": iso(evaluated),
        "duration_ms": state.duration_ms if state else None,
        "error": error or None,
    }


# Stands for the value of a header, which may well be a password.
HIDDEN = "********"


def shown_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a channel's configuration without the values of its headers."""
    if not config.get("headers"):
        return dict(config)
    return {**config, "headers": dict.fromkeys(config["headers"], HIDDEN)}


def channel_json(channel: NotificationChannel) -> dict[str, Any]:
    return {
        "id": channel.pk,
        "name": channel.name,
        "kind": channel.kind,
        "team": team_json(channel.team),
        "config": shown_config(channel.config),
        "has_secret": bool(channel.secret),
        "is_default": channel.is_default,
        "enabled": channel.enabled,
        "created_at": iso(channel.created_at),
        "updated_at": iso(channel.updated_at),
    }


def notification_json(notification: Notification) -> dict[str, Any]:
    channel, transition = notification.channel, notification.transition
    return {
        "id": notification.pk,
        "alert": {"id": notification.alert_id, "name": notification.alert.name},
        "channel": {"id": channel.pk, "name": channel.name, "kind": channel.kind},
        "transition": transition.pk,
        "about": {"status": transition.to_status, "severity": transition.to_severity},
        "status": notification.status,
        "attempts": notification.attempts,
        "next_attempt_at": iso(notification.next_attempt_at)
        if notification.status == Notification.Status.PENDING
        else None,
        "last_error": notification.last_error or None,
        "created_at": iso(notification.created_at),
        "delivered_at": iso(notification.delivered_at),
    }


def publish_after_commit(alerts: Iterable[Alert]) -> None:
    """Show the alerts, as they are now, on the live topic once this is committed."""

    def owner(alert: Alert) -> tuple[int, int]:
        return alert.organization_id, alert.team_id or 0

    for (organization_id, team_id), group in groupby(sorted(alerts, key=owner), owner):
        events = [alert_json(alert) for alert in group]
        transaction.on_commit(
            partial(
                live.publish_many,
                organization_id,
                "alerts",
                events,
                team_id=team_id or None,
            )
        )


def preview_json(preview: Preview) -> dict[str, Any]:
    return {
        "start": iso(preview.start),
        "end": iso(preview.end),
        "complete": preview.complete,
        "alerts": [
            {
                "labels": dict(episode.labels),
                "severity": episode.severity,
                "started_at": iso(episode.started_at),
                "fired_at": iso(episode.fired_at),
                "resolved_at": iso(episode.resolved_at),
                "reasons": [reason for _, reason in episode.reasons],
            }
            for episode in preview.episodes
        ],
        "told": [
            {"channel": told.name, "kind": told.kind, "times": told.times}
            for told in preview.told
        ],
    }
