from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from typing_extensions import override

from accounts.models import Organization
from monitoring.models.retention import Signal


class ArchiveFile(models.Model):
    """A Parquet file outside the database, and how far it has come.

    A row outlives its organization until the file is deleted. `age` orders the files:
    of doubles, the one in the youngest file remains.
    """

    class Status(models.TextChoices):
        WRITING = "writing", "Being written"
        STORED = "stored", "Stored"
        DROPPED = "dropped", "To be deleted"

    organization = models.ForeignKey(
        Organization, on_delete=models.DO_NOTHING, db_constraint=False
    )
    signal = models.CharField(max_length=10, choices=Signal.choices)
    day = models.DateField()
    path = models.CharField(max_length=300, unique=True)
    status = models.CharField(max_length=10, choices=Status.choices)
    age = models.BigIntegerField(null=True)
    rows = models.BigIntegerField(default=0)
    size = models.BigIntegerField(default=0, help_text="Bytes of the file.")
    min_ts = models.BigIntegerField(null=True)
    max_ts = models.BigIntegerField(null=True)
    changed_at = models.DateTimeField()

    objects: ClassVar[models.Manager[ArchiveFile]] = models.Manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["organization", "signal", "day"],
                name="monitoring_archivefile_day",
                condition=models.Q(status="stored"),
            )
        ]

    @override
    def __str__(self) -> str:
        return self.path


class ArchivePiece(models.Model):
    """A row group of an archive file: what decides whether it must be read.

    Times are milliseconds for samples and nanoseconds for lines, as in blocks; `ids`
    are the metrics, or the streams, that it has.
    """

    file = models.ForeignKey(
        ArchiveFile, on_delete=models.CASCADE, related_name="pieces"
    )
    number = models.IntegerField()
    count = models.IntegerField()
    size = models.BigIntegerField(help_text="Bytes of raw lines; 0 for samples.")
    min_ts = models.BigIntegerField()
    max_ts = models.BigIntegerField()
    ids = ArrayField(models.BigIntegerField())
    min_series = models.BigIntegerField(default=0)
    max_series = models.BigIntegerField(default=0)
    level_counts = ArrayField(models.IntegerField(), default=list)
    token_filter = models.BinaryField(default=bytes)

    objects: ClassVar[models.Manager[ArchivePiece]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["file", "number"], name="monitoring_archivepiece_unique_number"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.file} {self.number}"
