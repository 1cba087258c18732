from __future__ import annotations

from django.db import models
from django.utils import timezone
from typing_extensions import override

from accounts.models import OrganizationModel, ScopedManager, ScopedQuerySet, Team
from monitoring.telemetry import MetricType


class MetricQuerySet(ScopedQuerySet["Metric"]):
    pass


class Metric(OrganizationModel):
    """A metric's name in one organization, with what its senders say about it."""

    name = models.CharField(max_length=255)
    type = models.CharField(
        max_length=20,
        choices=[(kind.value, kind.value) for kind in MetricType],
        default=MetricType.UNKNOWN.value,
    )
    unit = models.CharField(max_length=50, blank=True)
    help = models.TextField(blank=True)

    objects = ScopedManager.from_queryset(MetricQuerySet)()

    class Meta(OrganizationModel.Meta):
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"], name="monitoring_metric_unique_name"
            )
        ]

    @override
    def __str__(self) -> str:
        return self.name


class SeriesQuerySet(ScopedQuerySet["Series"]):
    pass


class Series(OrganizationModel):
    """One label set of one metric; `labels` leaves the metric's name out."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True)
    metric = models.ForeignKey(Metric, on_delete=models.CASCADE, related_name="series")
    labels = models.JSONField()
    fingerprint = models.BigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    last_seen = models.DateTimeField(
        default=timezone.now, help_text="Last time of use, to within seven hours."
    )

    objects = ScopedManager.from_queryset(SeriesQuerySet)()

    class Meta(OrganizationModel.Meta):
        verbose_name_plural = "series"
        indexes = [
            # New series are found by it.
            models.Index(
                fields=["organization", "id"], name="monitoring_series_in_order"
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "fingerprint"],
                name="monitoring_series_unique_fingerprint",
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.metric}{self.labels}"
