from __future__ import annotations

from django.db import models
from typing_extensions import override

from accounts.models import OrganizationModel, ScopedManager, ScopedQuerySet, Team
from alerts.models.alert import Alert, Transition


class NotificationChannelQuerySet(ScopedQuerySet["NotificationChannel"]):
    pass


class NotificationChannel(OrganizationModel):
    """Where notifications go: an e-mail list, a webhook."""

    class Kind(models.TextChoices):
        EMAIL = "email", "E-mail"
        WEBHOOK = "webhook", "Webhook"

    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, blank=True)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, choices=Kind)
    config = models.JSONField(
        default=dict, help_text="Addresses and options, no secrets."
    )
    secret = models.TextField(blank=True, help_text="Encrypted; never shown again.")
    is_default = models.BooleanField(
        default=False, help_text="Told of every alert whose level names no channel."
    )
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ScopedManager.from_queryset(NotificationChannelQuerySet)()

    class Meta(OrganizationModel.Meta):
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"],
                name="alerts_notificationchannel_unique_name",
            )
        ]

    @override
    def __str__(self) -> str:
        return self.name


class NotificationQuerySet(ScopedQuerySet["Notification"]):
    @override
    def _visible_in_teams(self, teams: frozenset[int]) -> models.Q:
        return models.Q(alert__team__isnull=True) | models.Q(alert__team_id__in=teams)


class Notification(OrganizationModel):
    """The outbox: one message to one channel about one transition."""

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        DELIVERED = "delivered", "Delivered"
        DEAD = "dead", "Given up"
        SUPERSEDED = "superseded", "Overtaken by a newer one"

    alert = models.ForeignKey(
        Alert, on_delete=models.CASCADE, related_name="notifications"
    )
    transition = models.ForeignKey(Transition, on_delete=models.CASCADE)
    channel = models.ForeignKey(NotificationChannel, on_delete=models.CASCADE)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    last_error = models.TextField(blank=True)
    created_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, blank=True)

    objects = ScopedManager.from_queryset(NotificationQuerySet)()

    class Meta(OrganizationModel.Meta):
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["transition", "channel"], name="alerts_notification_told_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(status="pending"),
                name="alerts_notification_due",
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.channel} about {self.alert}"
