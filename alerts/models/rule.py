from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from typing_extensions import override

from accounts.models import OrganizationModel, ScopedManager, ScopedQuerySet, Team
from alerts.models.group import RuleGroup


class Severity(models.TextChoices):
    """How bad: ordered from mild to worst."""

    INFO = "info", "Info"
    WARNING = "warning", "Warning"
    ERROR = "error", "Error"
    CRITICAL = "critical", "Critical"


class RuleQuerySet(ScopedQuerySet["Rule"]):
    def enabled(self) -> RuleQuerySet:
        return self.filter(enabled=True)

    def standing_alone(self) -> RuleQuerySet:
        """Keep those that are evaluated by themselves, not in a group's order."""
        return self.filter(group__isnull=True)


class Rule(OrganizationModel):
    """What must not happen: a query or a pattern, with ordered levels.

    The rules of a group are Prometheus's: an alerting rule is breached by every series
    that its query answers, a recording rule stores the answer under its name.
    """

    class Kind(models.TextChoices):
        THRESHOLD = "threshold", "Metric threshold"
        PATTERN = "pattern", "Log pattern"
        ALERTING = "alerting", "Alerting rule"
        RECORDING = "recording", "Recording rule"

    Language = RuleGroup.Language

    # The kinds that stand alone; the others are written with their groups.
    ALONE = (Kind.THRESHOLD, Kind.PATTERN)

    class NoData(models.TextChoices):
        KEEP = "keep", "Keep the last state"
        RESOLVE = "resolve", "Resolve"
        ALERT = "alert", "Alert"

    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, blank=True)
    group = models.ForeignKey(
        RuleGroup, on_delete=models.CASCADE, null=True, blank=True, related_name="rules"
    )
    position = models.PositiveIntegerField(
        default=0, help_text="In its group; rules are evaluated in this order."
    )
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    kind = models.CharField(max_length=20, choices=Kind)
    enabled = models.BooleanField(default=True)
    query = models.TextField(
        blank=True,
        help_text="Every series of its answer is an alert of its own.",
    )
    language = models.CharField(
        max_length=10,
        choices=RuleGroup.Language,
        default=RuleGroup.Language.PROMQL,
        help_text="That the query is written in: of metrics, or of lines.",
    )
    pattern = models.CharField(
        max_length=2000, blank=True, help_text="Regular expression sought in log lines."
    )
    ignore_case = models.BooleanField(default=False)
    matchers = models.JSONField(
        default=list,
        blank=True,
        help_text='Streams to look at, as [{"name": "source", "op": "=", "value": "app"}].',
    )
    group_by = ArrayField(
        models.CharField(max_length=200),
        default=list,
        blank=True,
        help_text="Stream labels; each of their combinations is an alert of its own.",
    )
    window_seconds = models.PositiveIntegerField(
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(86400)],
        help_text="Matching lines are counted over this sliding window.",
    )
    unit = models.CharField(
        max_length=20,
        blank=True,
        help_text="Of the value: percent, bytes, seconds; empty: a plain number.",
    )
    interval_seconds = models.PositiveIntegerField(
        default=15, validators=[MinValueValidator(1), MaxValueValidator(86400)]
    )
    no_data = models.CharField(max_length=10, choices=NoData, default=NoData.KEEP)
    labels = models.JSONField(default=dict, blank=True)
    annotations = models.JSONField(
        default=dict,
        blank=True,
        help_text="Texts such as summary; {{ $value }} and {{ $labels.x }} are filled in.",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ScopedManager.from_queryset(RuleQuerySet)()

    class Meta(OrganizationModel.Meta):
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "name"],
                condition=Q(group__isnull=True),
                name="alerts_rule_unique_name",
            ),
            models.CheckConstraint(
                condition=(~Q(kind="pattern") & ~Q(query=""))
                | (Q(kind="pattern") & ~Q(pattern="")),
                name="alerts_rule_says_what_to_look_for",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["threshold", "pattern"], group__isnull=True)
                | Q(kind__in=["alerting", "recording"], group__isnull=False),
                name="alerts_rule_of_a_group_or_alone",
            ),
        ]

    @override
    def __str__(self) -> str:
        return self.name


class RuleLevel(models.Model):
    """One step of a rule's severity, with the condition that reaches it."""

    class Comparator(models.TextChoices):
        GT = "gt", ">"
        GE = "ge", "≥"
        LT = "lt", "<"
        LE = "le", "≤"
        EQ = "eq", "="
        NE = "ne", "≠"

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="levels")
    position = models.PositiveSmallIntegerField(help_text="0 is the mildest.")
    severity = models.CharField(max_length=10, choices=Severity)
    comparator = models.CharField(
        max_length=2, choices=Comparator, default=Comparator.GT
    )
    threshold = models.FloatField()
    recovery_threshold = models.FloatField(
        null=True, blank=True, help_text="The value must get back past this to recover."
    )
    hold_seconds = models.PositiveIntegerField(
        default=0, help_text="How long the breach must last (`for`)."
    )
    keep_firing_seconds = models.PositiveIntegerField(default=0)
    channels = models.ManyToManyField(
        "alerts.NotificationChannel",
        blank=True,
        help_text="Who is told; none: the organization's default channels.",
    )

    objects: ClassVar[models.Manager[RuleLevel]] = models.Manager()

    class Meta:
        ordering = ["rule", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "position"], name="alerts_rulelevel_unique_position"
            ),
            models.UniqueConstraint(
                fields=["rule", "severity"], name="alerts_rulelevel_unique_severity"
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.severity} {self.get_comparator_display()} {self.threshold:g}"


class RuleState(models.Model):
    """When a rule was evaluated and how that went: written by machines only."""

    rule = models.OneToOneField(
        Rule, on_delete=models.CASCADE, related_name="state", primary_key=True
    )
    due_at = models.DateTimeField(db_index=True)
    evaluated_at = models.DateTimeField(null=True)
    duration_ms = models.FloatField(null=True)
    error = models.TextField(blank=True)

    objects: ClassVar[models.Manager[RuleState]] = models.Manager()

    @override
    def __str__(self) -> str:
        return f"state of rule {self.rule_id}"


class PatternCount(models.Model):
    """Lines that matched a pattern rule in one second: its sliding window's buckets."""

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE)
    fingerprint = models.BigIntegerField(help_text="Of the group's labels.")
    labels = models.JSONField()
    second = models.DateTimeField()
    count = models.BigIntegerField()

    objects: ClassVar[models.Manager[PatternCount]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "fingerprint", "second"],
                name="alerts_patterncount_unique",
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.count} matches of rule {self.rule_id}"
