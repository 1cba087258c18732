from __future__ import annotations

from typing import ClassVar

from django.db import models
from typing_extensions import override

from monitoring.models.series import Series


class DeltaTotal(models.Model):
    """What the deltas of one series add up to, and until when."""

    series = models.OneToOneField(
        Series, on_delete=models.DO_NOTHING, primary_key=True, db_constraint=False
    )
    total = models.FloatField()
    last_ts_ms = models.BigIntegerField(help_text="Milliseconds since the epoch.")

    objects: ClassVar[models.Manager[DeltaTotal]] = models.Manager()

    @override
    def __str__(self) -> str:
        return f"{self.series_id}: {self.total}"
