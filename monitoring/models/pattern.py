from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from typing_extensions import override

from accounts.models import (
    Organization,
    OrganizationModel,
    ScopedManager,
    ScopedQuerySet,
    Team,
)
from monitoring.models.stream import LogStream


class LogPatternQuerySet(ScopedQuerySet["LogPattern"]):
    pass


class LogPattern(OrganizationModel):
    """A template that lines of one stream and level have in common.

    It may become more general as lines come that differ from it.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, db_index=False)
    # Streams are deleted in bulk, and their patterns after them.
    stream = models.ForeignKey(
        LogStream, on_delete=models.DO_NOTHING, db_constraint=False
    )
    level = models.SmallIntegerField()
    template = models.TextField(help_text="What changes is written as <_>.")
    sample = models.TextField(help_text="One of the lines.")
    count = models.BigIntegerField(help_text="Lines, as far as samples tell.")
    first_seen = models.DateTimeField(help_text="Time of the oldest line.")
    last_seen = models.DateTimeField(help_text="Time of the newest line.")

    objects = ScopedManager.from_queryset(LogPatternQuerySet)()

    class Meta(OrganizationModel.Meta):
        indexes = [
            models.Index(
                fields=["organization", "last_seen"], name="monitoring_pattern_seen"
            )
        ]

    @override
    def __str__(self) -> str:
        return self.template


class LogPatternHour(models.Model):
    """How many lines a pattern had in each minute of an hour."""

    pattern = models.ForeignKey(LogPattern, on_delete=models.CASCADE, db_index=False)
    hour = models.DateTimeField()
    counts = ArrayField(models.BigIntegerField(), size=60)

    objects: ClassVar[models.Manager[LogPatternHour]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["pattern", "hour"], name="monitoring_patternhour_unique"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.pattern_id} at {self.hour}"


class PatternState(models.Model):
    """Up to where an organization's samples have been mined."""

    organization = models.OneToOneField(
        Organization, on_delete=models.CASCADE, primary_key=True
    )
    cursor = models.CharField(max_length=50, blank=True, default="")

    objects: ClassVar[models.Manager[PatternState]] = models.Manager()

    @override
    def __str__(self) -> str:
        return f"{self.organization_id}: {self.cursor}"
