from __future__ import annotations

from typing import ClassVar

from django.db import models
from typing_extensions import override


class ProcessHeartbeat(models.Model):
    """One running process's latest sign of life."""

    kind = models.CharField(max_length=30, help_text="beat, collector, worker-ingest …")
    name = models.CharField(max_length=200, unique=True, help_text="kind@host:pid")
    host = models.CharField(max_length=100)
    pid = models.IntegerField()
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField(db_index=True)
    detail = models.JSONField(default=dict)

    objects: ClassVar[models.Manager[ProcessHeartbeat]] = models.Manager()

    class Meta:
        ordering = ["kind", "name"]

    @override
    def __str__(self) -> str:
        return self.name
