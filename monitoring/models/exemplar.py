from __future__ import annotations

from typing import ClassVar

from django.db import models
from typing_extensions import override

from accounts.models import Organization
from monitoring.models.series import Series


class Exemplar(models.Model):
    """One measured event of a series, mostly with the id of its trace.

    A series has at most one for each millisecond: senders repeat theirs.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, db_index=False
    )
    series = models.ForeignKey(
        Series, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    ts_ms = models.BigIntegerField(help_text="Milliseconds since the epoch.")
    value = models.FloatField()
    labels = models.JSONField()

    objects: ClassVar[models.Manager[Exemplar]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["series", "ts_ms"], name="monitoring_exemplar_unique"
            )
        ]
        indexes = [
            models.Index(
                fields=["organization", "ts_ms"], name="monitoring_exemplar_time"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"exemplar of {self.series_id} at {self.ts_ms}"
