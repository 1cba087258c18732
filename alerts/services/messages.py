"""From a transition to the message that a channel delivers."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.urls import reverse

from alerts.delivery import Message
from alerts.models import Notification, NotificationChannel, Transition
from alerts.services.presentation import alert_url


def message_of(notification: Notification) -> Message:
    """Return what is said about the transition, as things were then."""
    transition, alert = notification.transition, notification.alert
    resolved = transition.to_status == "resolved"
    reason = transition.reason
    if transition.note:
        reason = f"{reason}: {transition.note}"
    return Message(
        key=f"alert-{alert.pk}-{transition.pk}-{notification.channel_id}",
        thread=f"alert-{alert.pk}",
        status="resolved" if resolved else "firing",
        kind=_kind(transition),
        severity=transition.to_severity,
        name=alert.name,
        reason=reason,
        value=transition.value,
        labels=alert.labels,
        annotations=alert.annotations,
        starts_at=alert.fired_at or alert.started_at,
        ends_at=transition.at if resolved else None,
        fingerprint=f"{alert.fingerprint:016x}",
        organization=alert.organization.name,
        url=alert_url(alert),
        rule_url=_rule_url(notification),
    )


def test_message(channel: NotificationChannel, *, now: datetime) -> Message:
    """Return the message by which a channel is tried out."""
    return Message(
        key=f"test-{channel.pk}-{int(now.timestamp() * 1000)}",
        thread=f"test-{channel.pk}",
        status="firing",
        kind="test",
        severity="info",
        name="Test notification",
        reason="This is a test: nothing is wrong. Alerts will arrive like this.",
        value=None,
        labels={"channel": channel.name},
        annotations={"summary": f"{settings.SITE_NAME} can reach “{channel.name}”."},
        starts_at=now,
        ends_at=None,
        fingerprint="0" * 16,
        organization=channel.organization.name,
        url=settings.SITE_ROOT,
        rule_url=settings.SITE_ROOT,
    )


def _kind(transition: Transition) -> str:
    if transition.to_status == "resolved":
        return "resolved"
    fired_before = transition.from_status in {"firing", "acknowledged"}
    return "worsened" if fired_before else "firing"


def _rule_url(notification: Notification) -> str:
    alert = notification.alert
    if alert.rule_id is None:
        return alert_url(alert)
    path = reverse("rule-edit", args=[alert.organization.slug, alert.rule_id])
    return f"{settings.SITE_ROOT}{path}"
