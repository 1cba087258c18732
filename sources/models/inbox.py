from __future__ import annotations

from typing import ClassVar

from django.db import models
from typing_extensions import override

from accounts.models import (
    Organization,
    OrganizationModel,
    ScopedManager,
    ScopedQuerySet,
    Team,
)
from sources.models.source import Source


class BatchKind(models.TextChoices):
    LOGS = "logs", "Log lines"
    SAMPLES = "samples", "Samples"


class InboxBatch(models.Model):
    """An accepted batch that waits for a worker: accepted means committed here.

    `payload` is `encode()` of a LogBatch, a SampleBatch or RefSamples. The worker that
    stores it deletes it in the same transaction.
    """

    # An index each would cost every push, and help the deletion of an organization.
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, db_index=False
    )
    source = models.ForeignKey(
        Source, on_delete=models.CASCADE, null=True, db_index=False
    )
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, db_index=False)
    priority = models.SmallIntegerField()
    kind = models.CharField(max_length=10, choices=BatchKind)
    payload = models.BinaryField()
    count = models.IntegerField()
    size = models.IntegerField(help_text="Bytes of raw telemetry, before encoding.")
    received_at = models.DateTimeField()
    attempts = models.SmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True, help_text="Back-off after a failure.")
    last_error = models.TextField(blank=True)

    objects: ClassVar[models.Manager[InboxBatch]] = models.Manager()

    class Meta:
        verbose_name_plural = "inbox batches"
        indexes = [models.Index(fields=["priority", "id"], name="sources_inbox_order")]

    @override
    def __str__(self) -> str:
        return f"{self.count} {self.kind}, batch {self.pk}"


class IngestReceipt(models.Model):
    """Remembers a push for a day, so that its repetition is not stored twice."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    key = models.CharField(max_length=200)
    answer = models.JSONField()
    created_at = models.DateTimeField(db_index=True)

    objects: ClassVar[models.Manager[IngestReceipt]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "key"], name="sources_ingestreceipt_unique"
            )
        ]

    @override
    def __str__(self) -> str:
        return self.key


class DeadLetterQuerySet(ScopedQuerySet["DeadLetter"]):
    pass


class DeadLetter(OrganizationModel):
    """A batch that kept failing: out of the way of others, kept for a replay."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, null=True)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True)
    priority = models.SmallIntegerField()
    kind = models.CharField(max_length=10, choices=BatchKind)
    payload = models.BinaryField()
    count = models.IntegerField()
    size = models.IntegerField()
    received_at = models.DateTimeField()
    attempts = models.SmallIntegerField()
    error = models.TextField()
    failed_at = models.DateTimeField()

    objects = ScopedManager.from_queryset(DeadLetterQuerySet)()

    class Meta(OrganizationModel.Meta):
        ordering = ["-failed_at"]

    @override
    def __str__(self) -> str:
        return f"{self.count} {self.kind}, failed {self.failed_at:%F %T}"


class Minute(models.Model):
    """What went through the pipeline in one minute: where rates come from."""

    minute = models.DateTimeField()
    lines = models.BigIntegerField(default=0)
    samples = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    batches = models.BigIntegerField(default=0)
    failures = models.BigIntegerField(default=0)
    latency_ms_sum = models.BigIntegerField(default=0)

    class Meta:
        abstract = True

    @override
    def __str__(self) -> str:
        return f"{self.minute:%F %H:%M}"


class PipelineMinute(Minute):
    """One minute of one organization."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)

    objects: ClassVar[models.Manager[PipelineMinute]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "minute"], name="sources_pipelineminute_unique"
            )
        ]


class SourceMinute(Minute):
    """One minute of one source."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE)
    filtered = models.BigIntegerField(default=0, db_default=0)
    sampled = models.BigIntegerField(default=0, db_default=0)
    limited = models.BigIntegerField(default=0, db_default=0)
    masked = models.BigIntegerField(default=0, db_default=0)
    derived = models.BigIntegerField(default=0, db_default=0)
    derive_errors = models.BigIntegerField(default=0, db_default=0)

    objects: ClassVar[models.Manager[SourceMinute]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "minute"], name="sources_sourceminute_unique"
            )
        ]
