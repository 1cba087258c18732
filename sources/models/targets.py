from __future__ import annotations

from typing import ClassVar

from django.db import models
from typing_extensions import override

from sources.models.source import Source


class SourceTargets(models.Model):
    """What a source scrapes or probes, as its collector saw it last.

    One row a source: hundreds of targets are written at once every few seconds.
    Each of `active` has the keys of sources.connectors.TargetState.
    """

    source = models.OneToOneField(
        Source, on_delete=models.CASCADE, related_name="targets", primary_key=True
    )
    active = models.JSONField(default=list)
    dropped = models.JSONField(default=list, help_text="Labels as discovered.")
    dropped_count = models.IntegerField(default=0)
    is_down = models.BooleanField(
        default=False, help_text="There are targets, and none of them answers well."
    )
    updated_at = models.DateTimeField()

    objects: ClassVar[models.Manager[SourceTargets]] = models.Manager()

    @override
    def __str__(self) -> str:
        return f"targets of {self.source_id}"
