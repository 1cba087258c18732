"""The outbox: written with the transition, delivered outside of any transaction."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import F, Q

from accounts.services.secrets import UnreadableSecretError, decrypt
from alerts.delivery import (
    DeliveryError,
    PermanentDeliveryError,
    Target,
    TemporaryDeliveryError,
    adapter_of,
)
from alerts.models import (
    Alert,
    Notification,
    NotificationChannel,
    RuleLevel,
    Transition,
)
from alerts.services.messages import message_of
from alerts.services.nudges import after_commit
from alerts.services.retries import MAX_ATTEMPTS, retry_delay

logger = logging.getLogger(__name__)

# How long a worker may take before another one tries the same notification.
LEASE = timedelta(minutes=2)
_SWEEP_LIMIT = 200
_jitter = random.SystemRandom().random


def enqueue(transitions: Sequence[Transition], *, now: datetime) -> None:
    """Write a notification to each channel that is to hear of each transition.

    Call it in the transaction that writes the transitions, after they have ids.
    """
    if not transitions:
        return
    channels = _Recipients(transitions)
    outbox = [
        Notification(
            organization_id=transition.organization_id,
            alert=transition.alert,
            transition=transition,
            channel_id=channel_id,
            next_attempt_at=now,
            created_at=now,
        )
        for transition in transitions
        for channel_id in channels.of(transition)
    ]
    for notification in Notification.unscoped.bulk_create(outbox):
        after_commit("alerts.tasks.deliver", notification.pk)


class _Recipients:
    """Who hears of some transitions, found with a fixed number of queries."""

    def __init__(self, transitions: Sequence[Transition]) -> None:
        ended = [t.alert_id for t in transitions if _is_end(t)]
        rules = {t.alert.rule_id for t in transitions if not _is_end(t)}
        self._told = _channels_told(ended) if ended else {}
        self._levels = _channels_of_levels(rules) if rules else {}
        self._defaults = _default_channels({t.organization_id for t in transitions})

    def of(self, transition: Transition) -> list[int]:
        alert = transition.alert
        if _is_end(transition):
            return sorted(self._told.get(alert.pk, ()))
        named = self._levels.get((alert.rule_id, transition.to_severity))
        if named is not None:
            return sorted(named)
        return [
            channel.pk
            for channel in self._defaults
            if channel.organization_id == alert.organization_id
            and channel.team_id in {None, alert.team_id}
        ]


def _is_end(transition: Transition) -> bool:
    return transition.to_status == Alert.Status.RESOLVED


def _channels_told(alert_ids: Iterable[int]) -> dict[int, set[int]]:
    """Who heard that it fired hears that it is over."""
    rows = Notification.unscoped.filter(
        alert_id__in=alert_ids, channel__enabled=True
    ).values_list("alert_id", "channel_id")
    told: dict[int, set[int]] = {}
    for alert_id, channel_id in rows:
        told.setdefault(alert_id, set()).add(channel_id)
    return told


def _channels_of_levels(
    rule_ids: Iterable[int | None],
) -> dict[tuple[int | None, str], set[int]]:
    """A level that names channels tells these only, also when all are switched off."""
    rows = RuleLevel.objects.filter(
        rule_id__in=[r for r in rule_ids if r], channels__isnull=False
    ).values_list("rule_id", "severity", "channels", "channels__enabled")
    named: dict[tuple[int | None, str], set[int]] = {}
    for rule_id, severity, channel_id, enabled in rows:
        channels = named.setdefault((rule_id, severity), set())
        if enabled:
            channels.add(channel_id)
    return named


def _default_channels(organization_ids: Iterable[int]) -> list[NotificationChannel]:
    return list(
        NotificationChannel.unscoped.filter(
            organization_id__in=organization_ids, is_default=True, enabled=True
        )
    )


def due(now: datetime) -> list[int]:
    """Return notifications whose time has come: first attempts lost, or retries."""
    waiting = Notification.unscoped.filter(
        status=Notification.Status.PENDING, next_attempt_at__lte=now
    )
    return list(
        waiting.order_by("next_attempt_at").values_list("pk", flat=True)[:_SWEEP_LIMIT]
    )


def deliver(notification_id: int, *, now: datetime) -> None:
    """Make one attempt, unless it is made already or not due.

    Call it outside of a transaction: a receiver may take seconds to answer.
    """
    started = time.monotonic()
    notification = _claim(notification_id, now=now)
    if notification is None:
        return
    try:
        _send(notification, now=now)
    except DeliveryError as error:
        took = timedelta(seconds=time.monotonic() - started)
        _note_failure(notification, error, now=now + took)
    else:
        took = timedelta(seconds=time.monotonic() - started)
        _note_delivery(notification, now=now + took)


def _claim(notification_id: int, *, now: datetime) -> Notification | None:
    """Take the notification for the length of a lease; one worker succeeds."""
    taken = Notification.unscoped.filter(
        pk=notification_id,
        status=Notification.Status.PENDING,
        next_attempt_at__lte=now,
    ).update(attempts=F("attempts") + 1, next_attempt_at=now + LEASE)
    if not taken:
        return None
    related = ("transition", "channel", "alert__organization", "alert__rule")
    return Notification.unscoped.select_related(*related).get(pk=notification_id)


def _send(notification: Notification, *, now: datetime) -> None:
    channel = notification.channel
    if not channel.enabled:
        raise PermanentDeliveryError("The channel was switched off.")
    adapter = adapter_of(channel.kind)
    adapter.send(target_of(channel), message_of(notification), now=now)


def target_of(channel: NotificationChannel) -> Target:
    """Return the channel with its secret readable. Raises PermanentDeliveryError."""
    try:
        return Target(channel.name, channel.config, decrypt(channel.secret))
    except UnreadableSecretError as error:
        raise PermanentDeliveryError(f"The secret is unreadable: {error}") from error


def _note_delivery(notification: Notification, *, now: datetime) -> None:
    Notification.unscoped.filter(pk=notification.pk).update(
        status=Notification.Status.DELIVERED, delivered_at=now, last_error=""
    )
    # News must not be followed by what it has overtaken.
    Notification.unscoped.filter(
        Q(transition_id__lt=notification.transition_id),
        alert_id=notification.alert_id,
        channel_id=notification.channel_id,
        status=Notification.Status.PENDING,
    ).update(status=Notification.Status.SUPERSEDED)


def _note_failure(
    notification: Notification, error: DeliveryError, *, now: datetime
) -> None:
    final = isinstance(error, PermanentDeliveryError)
    final = final or notification.attempts >= MAX_ATTEMPTS
    wish = error.retry_after if isinstance(error, TemporaryDeliveryError) else None
    delay = retry_delay(notification.attempts, jitter=_jitter(), retry_after=wish)
    status = Notification.Status.DEAD if final else Notification.Status.PENDING
    Notification.unscoped.filter(
        pk=notification.pk, status=Notification.Status.PENDING
    ).update(status=status, next_attempt_at=now + delay, last_error=str(error)[:2000])
    logger.warning(
        "Notification %s to %s, attempt %s: %s",
        notification.pk,
        notification.channel.name,
        notification.attempts,
        error,
    )
