from __future__ import annotations

from django.db import models
from typing_extensions import override

from accounts.models import OrganizationModel, ScopedManager, ScopedQuerySet, Team
from sources.models.source import Source


class PushedGroupQuerySet(ScopedQuerySet["PushedGroup"]):
    pass


class PushedGroup(OrganizationModel):
    """The metrics that a job pushed last: they are shown on until it says otherwise.

    `labels` is the grouping key, which names the group. `payload` is a
    `SampleBatch.encode()` with one sample of each series.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True)
    source = models.ForeignKey(Source, on_delete=models.CASCADE, null=True)
    labels = models.JSONField()
    fingerprint = models.BigIntegerField()
    payload = models.BinaryField()
    pushed_at = models.DateTimeField()

    objects = ScopedManager.from_queryset(PushedGroupQuerySet)()

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "fingerprint"],
                name="sources_pushedgroup_unique",
            )
        ]

    @override
    def __str__(self) -> str:
        return f"group {self.labels}"
