from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from typing_extensions import override

from accounts.models import OrganizationModel, ScopedManager, ScopedQuerySet, Team
from alerts.models.rule import Rule, Severity


class AlertQuerySet(ScopedQuerySet["Alert"]):
    def open(self) -> AlertQuerySet:
        return self.exclude(status=Alert.Status.RESOLVED)

    def remembered(self) -> AlertQuerySet:
        """Keep what the next evaluation of their rule has to know."""
        return self.filter(~Q(status=Alert.Status.RESOLVED) | Q(awaits_recovery=True))

    def told(self) -> AlertQuerySet:
        """Keep what people have been shown: pending alerts have told nobody yet."""
        return self.exclude(status=Alert.Status.PENDING)


class Alert(OrganizationModel):
    """One rule's trouble with one label set, from its first breach to its end.

    Warning that worsens to critical is the same alert changing its severity.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        FIRING = "firing", "Firing"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        RESOLVED = "resolved", "Resolved"

    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, blank=True)
    rule = models.ForeignKey(
        Rule, on_delete=models.SET_NULL, null=True, blank=True, related_name="alerts"
    )
    name = models.CharField(max_length=200)
    fingerprint = models.BigIntegerField()
    labels = models.JSONField(default=dict)
    annotations = models.JSONField(default=dict)
    status = models.CharField(max_length=15, choices=Status)
    severity = models.CharField(max_length=10, choices=Severity)
    value = models.FloatField(null=True)
    # The evaluator's memory: one {"severity", "phase", "since", "last_breach"} a level.
    level_states = models.JSONField(default=list)
    awaits_recovery = models.BooleanField(
        default=False,
        help_text="Resolved by hand while it lasted: quiet until that has ended once.",
    )
    started_at = models.DateTimeField(help_text="Of the first breach.")
    fired_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=254, blank=True)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True
    )
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=254, blank=True)
    resolution = models.TextField(blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ScopedManager.from_queryset(AlertQuerySet)()

    class Meta(OrganizationModel.Meta):
        ordering = ["-started_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "fingerprint"],
                condition=~Q(status="resolved"),
                name="alerts_alert_one_open_for_each_label_set",
            )
        ]
        indexes = [
            models.Index(
                fields=["organization", "status", "-started_at"],
                name="alerts_alert_list",
            ),
            models.Index(
                fields=["rule"],
                condition=Q(awaits_recovery=True),
                name="alerts_alert_awaits_recovery",
            ),
        ]

    @override
    def __str__(self) -> str:
        return self.name


class TransitionQuerySet(ScopedQuerySet["Transition"]):
    @override
    def _visible_in_teams(self, teams: frozenset[int]) -> Q:
        return Q(alert__team__isnull=True) | Q(alert__team_id__in=teams)


class Transition(OrganizationModel):
    """One change of an alert: what the timeline, the figures and the audit are made of."""

    class Kind(models.TextChoices):
        STATE = "state", "State"
        ACKNOWLEDGE = "acknowledge", "Acknowledged"
        UNACKNOWLEDGE = "unacknowledge", "Acknowledgement taken back"
        ASSIGN = "assign", "Assigned"
        COMMENT = "comment", "Comment"
        RESOLVE = "resolve", "Resolved by hand"

    alert = models.ForeignKey(
        Alert, on_delete=models.CASCADE, related_name="transitions"
    )
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.STATE)
    at = models.DateTimeField()
    from_status = models.CharField(max_length=15, blank=True)
    to_status = models.CharField(max_length=15)
    from_severity = models.CharField(max_length=10, blank=True)
    to_severity = models.CharField(max_length=10)
    value = models.FloatField(null=True)
    reason = models.CharField(max_length=500)
    actor_name = models.CharField(max_length=254, default="system")
    note = models.TextField(blank=True)

    objects = ScopedManager.from_queryset(TransitionQuerySet)()

    class Meta(OrganizationModel.Meta):
        ordering = ["at", "id"]

    @override
    def __str__(self) -> str:
        return f"{self.alert_id}: {self.from_status or 'new'} to {self.to_status}"
