from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from typing_extensions import override

from accounts.models import OrganizationModel, ScopedManager, ScopedQuerySet, Team


class RuleGroupQuerySet(ScopedQuerySet["RuleGroup"]):
    pass


class RuleGroup(OrganizationModel):
    """Rules that are evaluated one after the other, at the same moments.

    As in Prometheus: a namespace stands for a rule file, and a later rule of a group
    sees what an earlier one has recorded.
    """

    class Language(models.TextChoices):
        PROMQL = "promql", "PromQL"
        LOGQL = "logql", "LogQL"

    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, blank=True)
    namespace = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    language = models.CharField(
        max_length=10, choices=Language, default=Language.PROMQL
    )
    interval_seconds = models.PositiveIntegerField(
        default=60, validators=[MinValueValidator(1), MaxValueValidator(86400)]
    )
    limit = models.PositiveIntegerField(
        default=0,
        help_text="Series that a recording rule, alerts that an alerting rule may have; "
        "0: as many as there are.",
    )
    query_offset_seconds = models.PositiveIntegerField(
        default=0, help_text="How far back rules look, so that late samples are there."
    )
    labels = models.JSONField(default=dict, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ScopedManager.from_queryset(RuleGroupQuerySet)()

    class Meta(OrganizationModel.Meta):
        ordering = ["namespace", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "language", "namespace", "name"],
                name="alerts_rulegroup_unique_name",
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class RuleGroupState(models.Model):
    """When a group was evaluated and what it has written: machines' memory."""

    group = models.OneToOneField(
        RuleGroup, on_delete=models.CASCADE, related_name="state", primary_key=True
    )
    due_at = models.DateTimeField(db_index=True)
    evaluated_at = models.DateTimeField(null=True)
    duration_ms = models.FloatField(null=True)
    error = models.TextField(blank=True)
    series = models.BinaryField(
        default=bytes, help_text="The label sets that each rule wrote last, packed."
    )
    series_digest = models.CharField(max_length=32, blank=True)

    objects: ClassVar[models.Manager[RuleGroupState]] = models.Manager()

    @override
    def __str__(self) -> str:
        return f"state of rule group {self.group_id}"
