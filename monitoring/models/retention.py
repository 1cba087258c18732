from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from typing_extensions import override

from accounts.models import OrganizationModel, ScopedManager, ScopedQuerySet, Team


class Signal(models.TextChoices):
    METRICS = "metrics", "Metrics"
    LOGS = "logs", "Logs"


class RetentionRuleQuerySet(ScopedQuerySet["RetentionRule"]):
    pass


class RetentionRule(OrganizationModel):
    """How long some of an organization's telemetry is kept; the first match decides."""

    position = models.PositiveIntegerField(help_text="Rules are asked in this order.")
    signal = models.CharField(max_length=10, choices=Signal.choices)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, blank=True)
    selector = models.TextField(
        blank=True, help_text='As {env="dev"}; everything where it is empty.'
    )
    keep_for = models.DurationField()

    objects = ScopedManager.from_queryset(RetentionRuleQuerySet)()

    class Meta(OrganizationModel.Meta):
        ordering = ["position", "pk"]

    @override
    def __str__(self) -> str:
        return f"{self.signal} {self.selector or 'of every kind'}"


class DeleteRequestQuerySet(ScopedQuerySet["DeleteRequest"]):
    pass


class DeleteRequest(OrganizationModel):
    """Telemetry that is to be deleted, and is hidden from now on.

    `ids` are the series or streams that matched when it was asked for, and `marker` and
    `age` say which blocks and archive files were there: what comes later stays.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Cancelled"

    signal = models.CharField(max_length=10, choices=Signal.choices)
    selectors = ArrayField(models.TextField())
    start_ns = models.BigIntegerField()
    end_ns = models.BigIntegerField(help_text="Inclusive.")
    ids = ArrayField(models.BigIntegerField())
    marker = models.BigIntegerField()
    age = models.BigIntegerField()
    status = models.CharField(
        max_length=10, choices=Status.choices, default=Status.PENDING
    )
    blocks_erased = models.BooleanField(
        default=False, help_text="Only archive files are left to be rewritten."
    )
    steps = models.IntegerField(default=0, help_text="Blocks and files rewritten.")
    deleted = models.BigIntegerField(default=0, help_text="Samples or lines.")
    error = models.TextField(blank=True)
    requested_by = models.CharField(max_length=254)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = ScopedManager.from_queryset(DeleteRequestQuerySet)()

    class Meta(OrganizationModel.Meta):
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["organization", "signal"],
                name="monitoring_deleterequest_open",
                condition=models.Q(status__in=["pending", "running"]),
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.signal} {', '.join(self.selectors)}"


class RetentionPassQuerySet(ScopedQuerySet["RetentionPass"]):
    pass


class RetentionPass(OrganizationModel):
    """What retention has taken out of a day: it need not look again at the same."""

    signal = models.CharField(max_length=10, choices=Signal.choices)
    day = models.DateField()
    digest = models.CharField(max_length=64, help_text="Of the rules that had expired.")
    marker = models.BigIntegerField(help_text="Blocks appended until then.")

    objects = ScopedManager.from_queryset(RetentionPassQuerySet)()

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "signal", "day"],
                name="monitoring_retentionpass_unique_day",
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.signal} {self.day}"


class LifecycleStateQuerySet(ScopedQuerySet["LifecycleState"]):
    pass


class LifecycleState(OrganizationModel):
    """What hinders an organization's archive, retention or deletes, and since when."""

    class Work(models.TextChoices):
        RETENTION = "retention", "Retention"
        DELETION = "deletion", "Deletes"
        ARCHIVE = "archive", "Archive"

    work = models.CharField(max_length=10, choices=Work.choices)
    error = models.TextField()
    failures = models.IntegerField(help_text="In a row.")
    since = models.DateTimeField()
    next_try = models.DateTimeField()

    objects = ScopedManager.from_queryset(LifecycleStateQuerySet)()

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "work"], name="monitoring_lifecycle_unique_work"
            )
        ]

    @override
    def __str__(self) -> str:
        return self.work
