from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from typing_extensions import override

from accounts.models import OrganizationModel, ScopedManager, ScopedQuerySet, Team


class HeartbeatQuerySet(ScopedQuerySet["Heartbeat"]):
    pass


class Heartbeat(OrganizationModel):
    """A sign of life that a job gives on schedule; when it does not, that is news.

    The words and states are those of Healthchecks. `up` turns into grace by the clock:
    see `status_at` of the services.
    """

    class Kind(models.TextChoices):
        TIMEOUT = "timeout", "Every so often"
        CRON = "cron", "Cron expression"
        ON_CALENDAR = "oncalendar", "systemd calendar"

    class Status(models.TextChoices):
        NEW = "new", "Waiting for the first ping"
        UP = "up", "On time"
        DOWN = "down", "Late or failed"
        PAUSED = "paused", "Paused"

    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, blank=True)
    name = models.CharField(max_length=100, blank=True)
    slug = models.CharField(max_length=100, blank=True)
    code = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    description = models.TextField(blank=True)
    tags = ArrayField(models.CharField(max_length=50), default=list, blank=True)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.TIMEOUT)
    timeout_seconds = models.PositiveIntegerField(default=86_400)
    grace_seconds = models.PositiveIntegerField(default=3_600)
    schedule = models.CharField(max_length=1000, default="* * * * *")
    zone = models.CharField(max_length=64, default="UTC")
    post_only = models.BooleanField(
        default=False, help_text="Other methods are kept as pings without meaning."
    )
    start_words = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    success_words = ArrayField(
        models.CharField(max_length=200), default=list, blank=True
    )
    failure_words = ArrayField(
        models.CharField(max_length=200), default=list, blank=True
    )
    manual_resume = models.BooleanField(
        default=False, help_text="A ping does not end a pause."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # What machines write.
    status = models.CharField(max_length=10, choices=Status, default=Status.NEW)
    pings_total = models.PositiveBigIntegerField(default=0)
    last_ping_at = models.DateTimeField(null=True, blank=True)
    last_start_at = models.DateTimeField(null=True, blank=True)
    last_start_rid = models.UUIDField(null=True, blank=True)
    last_duration = models.DurationField(null=True, blank=True)
    late_at = models.DateTimeField(
        null=True, blank=True, help_text="When it goes down if nothing comes before."
    )

    objects = ScopedManager.from_queryset(HeartbeatQuerySet)()

    class Meta(OrganizationModel.Meta):
        ordering = ["name", "pk"]
        indexes = [
            models.Index(
                fields=["late_at"],
                condition=Q(late_at__isnull=False),
                name="sources_heartbeat_late",
            ),
            models.Index(fields=["organization", "slug"], name="sources_hb_slug"),
        ]

    @override
    def __str__(self) -> str:
        return self.name or str(self.code)


class HeartbeatPing(models.Model):
    """One ping as it came; the newest of each heartbeat are kept."""

    class Kind(models.TextChoices):
        SUCCESS = "success", "OK"
        START = "start", "Started"
        FAIL = "fail", "Failure"
        LOG = "log", "Log"
        IGNORED = "ign", "Ignored"

    heartbeat = models.ForeignKey(
        Heartbeat, on_delete=models.CASCADE, related_name="pings"
    )
    number = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    kind = models.CharField(max_length=10, choices=Kind)
    exit_status = models.PositiveSmallIntegerField(null=True)
    rid = models.UUIDField(null=True)
    method = models.CharField(max_length=10)
    scheme = models.CharField(max_length=10)
    remote_address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=200, blank=True)
    duration = models.DurationField(null=True)
    body = models.BinaryField(default=b"")

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["heartbeat", "number"], name="sources_ping_unique_number"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.kind} {self.number}"

    @property
    def said(self) -> str:
        """The first line of what it brought, as far as it is text."""
        head = bytes(self.body[:500]).decode("utf-8", "replace").strip()
        return head.partition("\n")[0]


class HeartbeatFlip(models.Model):
    """A change of status, for the history."""

    heartbeat = models.ForeignKey(
        Heartbeat, on_delete=models.CASCADE, related_name="flips"
    )
    at = models.DateTimeField()
    from_status = models.CharField(max_length=10, choices=Heartbeat.Status)
    to_status = models.CharField(max_length=10, choices=Heartbeat.Status)

    class Meta:
        ordering = ["-at", "-pk"]

    @override
    def __str__(self) -> str:
        return f"{self.from_status} to {self.to_status}"


class PingKeyQuerySet(ScopedQuerySet["PingKey"]):
    pass


class PingKey(OrganizationModel):
    """Stands for the organization in addresses that name a heartbeat by its slug.

    Found by its digest; the encrypted text is for showing it to who may see it.
    """

    digest = models.CharField(max_length=64, unique=True)
    encrypted = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedManager.from_queryset(PingKeyQuerySet)()

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization"], name="sources_pingkey_one_an_organization"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"ping key of {self.organization_id}"
