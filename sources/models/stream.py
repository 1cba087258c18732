from __future__ import annotations

from typing import ClassVar

from django.db import models
from typing_extensions import override

from sources.models.source import Source


class SourceStream(models.Model):
    """Where a stream goes on after a restart, and how its connection is.

    `position` is moved in the commit that takes what came before it. Two collectors
    can never both move it: the update names how often it has been moved. All else
    is for showing, and written every few seconds.
    """

    source = models.OneToOneField(
        Source, on_delete=models.CASCADE, related_name="stream", primary_key=True
    )
    position = models.JSONField(default=dict)
    moves = models.BigIntegerField(default=0)
    connected_since = models.DateTimeField(null=True)
    reconnects = models.BigIntegerField(default=0)
    messages = models.BigIntegerField(default=0)
    lost = models.BigIntegerField(
        default=0, help_text="Messages of which nothing could be kept."
    )
    last_error = models.TextField(blank=True)
    last_error_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[models.Manager[SourceStream]] = models.Manager()

    @override
    def __str__(self) -> str:
        return f"stream of {self.source_id}"
