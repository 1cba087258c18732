from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from typing_extensions import override

from accounts.models import Organization
from monitoring.models.stream import LogStream


class SampleBlock(models.Model):
    """A compressed run of samples; partitioned by `day` (see the first migration).

    Level 0 holds a drain of the inbox with mixed metrics and at most two hours; from
    level 1 a block has one metric, sorted by series and time; level 1 spans two hours
    at most, level 2 a day. Times are milliseconds since the epoch.
    """

    pk = models.CompositePrimaryKey("day", "id")
    day = models.DateField()
    id = models.BigIntegerField()
    organization = models.ForeignKey(
        Organization, on_delete=models.DO_NOTHING, db_constraint=False
    )
    metrics = ArrayField(models.BigIntegerField(), help_text="Ids, sorted.")
    level = models.SmallIntegerField()
    min_ts = models.BigIntegerField()
    max_ts = models.BigIntegerField()
    min_series = models.BigIntegerField()
    max_series = models.BigIntegerField()
    count = models.IntegerField()
    payload = models.BinaryField()
    appended = models.BigIntegerField(
        help_text="Order among blocks with the same samples."
    )

    objects: ClassVar[models.Manager[SampleBlock]] = models.Manager()

    class Meta:
        managed = False
        db_table = "monitoring_sampleblock"

    @override
    def __str__(self) -> str:
        return f"sample block {self.day}/{self.id}"


class LogBlock(models.Model):
    """A compressed run of one stream's lines; partitioned by `day`.

    Times are nanoseconds since the epoch. `level_counts` has a count for each Level;
    `token_filter` tells which words cannot be in the block.
    """

    pk = models.CompositePrimaryKey("day", "id")
    day = models.DateField()
    id = models.BigIntegerField()
    organization = models.ForeignKey(
        Organization, on_delete=models.DO_NOTHING, db_constraint=False
    )
    stream = models.ForeignKey(
        LogStream, on_delete=models.DO_NOTHING, db_constraint=False
    )
    level = models.SmallIntegerField(help_text="Of compaction.")
    min_ts = models.BigIntegerField()
    max_ts = models.BigIntegerField()
    count = models.IntegerField()
    size = models.IntegerField(help_text="Bytes of the raw lines.")
    level_counts = ArrayField(models.IntegerField())
    token_filter = models.BinaryField()
    payload = models.BinaryField()

    objects: ClassVar[models.Manager[LogBlock]] = models.Manager()

    class Meta:
        managed = False
        db_table = "monitoring_logblock"

    @override
    def __str__(self) -> str:
        return f"log block {self.day}/{self.id}"
