from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import models
from django.db.models import Case, F, Q, Value, When
from typing_extensions import override

from accounts.models import OrganizationModel, ScopedManager, ScopedQuerySet, Team

# A healthy source that brings nothing for so long is worth a look.
QUIET_AFTER = timedelta(minutes=10)


class SourceQuerySet(ScopedQuerySet["Source"]):
    def enabled(self) -> SourceQuerySet:
        return self.filter(enabled=True)

    def with_status(self, now: datetime) -> models.QuerySet[Any]:
        """Give each source its `status`: it can be filtered by and shown."""
        return self.annotate(status=status_at(now))


class Source(OrganizationModel):
    """Where telemetry comes from: a file pattern, this host, or whoever pushes."""

    class Kind(StrEnum):
        """The kinds that code names; sources.services.kinds knows them all."""

        FILE = "file"
        HOST = "host"
        PUSH = "push"

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting for first data"
        OK = "ok", "Healthy"
        QUIET = "quiet", "Quiet"
        ERROR = "error", "Error"
        DISABLED = "disabled", "Disabled"

    class Priority(models.IntegerChoices):
        HIGH = 0, "High"
        NORMAL = 1, "Normal"
        LOW = 2, "Low"

    team = models.ForeignKey(
        Team,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        help_text="Only this team sees its telemetry; empty: the whole organization.",
    )
    kind = models.CharField(max_length=20)
    name = models.CharField(max_length=100)
    config = models.JSONField(default=dict, help_text="What the kind needs to know.")
    labels = models.JSONField(
        default=dict, blank=True, help_text="Put on all its telemetry."
    )
    format = models.CharField(
        max_length=40, blank=True, help_text="Format of its lines; empty: recognised."
    )
    processing = models.JSONField(
        default=dict, blank=True, help_text="What is done to its lines before storing."
    )
    priority = models.SmallIntegerField(choices=Priority, default=Priority.NORMAL)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ScopedManager.from_queryset(SourceQuerySet)()

    class Meta(OrganizationModel.Meta):
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"], name="sources_source_unique_name"
            )
        ]

    @override
    def __str__(self) -> str:
        return self.name


class SourceState(models.Model):
    """What happened at a source lately: written by machines, apart from its settings.

    One row a source, so that counting a batch never touches the configuration.
    """

    source = models.OneToOneField(
        Source, on_delete=models.CASCADE, related_name="state", primary_key=True
    )
    lines_total = models.BigIntegerField(default=0)
    bytes_total = models.BigIntegerField(default=0)
    samples_total = models.BigIntegerField(default=0)
    rejected_total = models.BigIntegerField(default=0)
    # What the source's rules have done; sources.services.figures says what each means.
    filtered_total = models.BigIntegerField(default=0)
    sampled_total = models.BigIntegerField(default=0)
    limited_total = models.BigIntegerField(default=0)
    masked_total = models.BigIntegerField(default=0)
    derived_total = models.BigIntegerField(default=0)
    derive_errors_total = models.BigIntegerField(default=0)
    last_seen = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)
    last_error_at = models.DateTimeField(null=True)
    detected_format = models.CharField(max_length=60, blank=True)
    detected_confidence = models.FloatField(null=True)
    # What was recognised before that, and until when.
    former_format = models.CharField(max_length=60, blank=True)
    format_changed_at = models.DateTimeField(null=True)
    # Which collector works it, and until when nobody else may.
    lease_holder = models.CharField(max_length=200, blank=True)
    lease_expires_at = models.DateTimeField(null=True)

    @override
    def __str__(self) -> str:
        return f"state of {self.source_id}"


def status_at(now: datetime) -> Case:
    """Return the expression of a source's Status; the first that applies holds.

    An error holds until something comes in after it. What is known of targets comes
    in even while all of them are down.
    """
    seen = F("state__last_seen")
    unmended = Q(state__last_seen__isnull=True) | Q(state__last_error_at__gte=seen)
    return Case(
        When(enabled=False, then=Value(Source.Status.DISABLED)),
        When(targets__is_down=True, then=Value(Source.Status.ERROR)),
        When(
            unmended,
            state__last_error_at__isnull=False,
            then=Value(Source.Status.ERROR),
        ),
        When(state__last_seen__isnull=True, then=Value(Source.Status.WAITING)),
        When(state__last_seen__lte=now - QUIET_AFTER, then=Value(Source.Status.QUIET)),
        default=Value(Source.Status.OK),
        output_field=models.CharField(),
    )
