from __future__ import annotations

from django.db import models
from django.utils import timezone
from typing_extensions import override

from accounts.models import OrganizationModel, ScopedManager, ScopedQuerySet, Team


class LogStreamQuerySet(ScopedQuerySet["LogStream"]):
    pass


class LogStream(OrganizationModel):
    """The log lines that share one label set, as in Loki."""

    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True)
    labels = models.JSONField()
    fingerprint = models.BigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    last_seen = models.DateTimeField(
        default=timezone.now, help_text="Last time of use, to within seven hours."
    )

    objects = ScopedManager.from_queryset(LogStreamQuerySet)()

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "fingerprint"],
                name="monitoring_logstream_unique_fingerprint",
            )
        ]

    @override
    def __str__(self) -> str:
        return str(self.labels)
