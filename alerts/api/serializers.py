"""Shapes of rules and alerts.

What goes out is made by `alerts.services.presentation`, for the API and the live
topic alike; the fields here describe it in the API's schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework import serializers
from typing_extensions import override

from accounts.api.serializers import StrictSerializer
from alerts.api.fields import (
    ChannelField,
    MatchersField,
    NumberField,
    SecondsField,
    TeamField,
)
from alerts.evaluation import Comparator
from alerts.models import Alert, Rule, Severity
from alerts.services import presentation
from alerts.services.alerts import MAX_NOTE
from alerts.services.rule_checks import UNITS
from alerts.services.rule_drafts import LevelDraft, RuleDraft


class AliasedSerializer(StrictSerializer):
    """Accepts other names for some fields, where the field itself is not given."""

    aliases: ClassVar[Mapping[str, str]]

    @override
    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            data = dict(data)
            for alias, name in self.aliases.items():
                if alias in data and name not in data:
                    data[name] = data.pop(alias)
        return super().to_internal_value(data)


class ComparatorField(serializers.ChoiceField):
    """A comparator by name (gt) or sign (>)."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=[c.value for c in Comparator], **options)

    @override
    def to_internal_value(self, data: Any) -> str:
        try:
            return Comparator.from_text(str(data)).value
        except ValueError:
            self.fail("invalid_choice", input=data)


class LevelSerializer(StrictSerializer):
    severity = serializers.ChoiceField(choices=Severity.choices)
    comparator = ComparatorField(required=False)
    threshold = NumberField()
    recovery_threshold = NumberField(required=False, allow_null=True)
    keep_firing_for = SecondsField(required=False, source="keep_firing_seconds")
    channels = serializers.ListField(child=ChannelField(), required=False)

    @override
    def get_fields(self) -> dict[str, Any]:
        # `for` is a word of Python's, so it cannot be declared like the others.
        return super().get_fields() | {
            "for": SecondsField(required=False, source="hold_seconds")
        }


class RuleHealthSerializer(serializers.Serializer[Any]):
    health = serializers.ChoiceField(choices=["ok", "error", "unknown"])
    evaluated_at = serializers.DateTimeField(allow_null=True)
    duration_ms = serializers.FloatField(allow_null=True)
    error = serializers.CharField(allow_null=True)


class RuleGroupBriefSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    namespace = serializers.CharField()
    name = serializers.CharField()


class RuleSerializer(AliasedSerializer):
    """A rule; `window` and `interval` are accepted for `…_seconds`."""

    aliases = {"window": "window_seconds", "interval": "interval_seconds"}

    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(max_length=200)
    description = serializers.CharField(required=False, allow_blank=True)
    kind = serializers.ChoiceField(choices=Rule.Kind.choices)
    enabled = serializers.BooleanField(required=False)
    team = TeamField(required=False, allow_null=True)
    group = RuleGroupBriefSerializer(read_only=True, allow_null=True)
    query = serializers.CharField(required=False, allow_blank=True)
    language = serializers.ChoiceField(choices=Rule.Language.choices, required=False)
    pattern = serializers.CharField(
        required=False, allow_blank=True, trim_whitespace=False
    )
    ignore_case = serializers.BooleanField(required=False)
    matchers = MatchersField(required=False)
    group_by = serializers.ListField(child=serializers.CharField(), required=False)
    window_seconds = SecondsField(required=False)
    interval_seconds = SecondsField(required=False)
    no_data = serializers.ChoiceField(choices=Rule.NoData.choices, required=False)
    unit = serializers.ChoiceField(choices=UNITS, required=False, allow_blank=True)
    labels = serializers.DictField(child=serializers.CharField(), required=False)
    annotations = serializers.DictField(
        child=serializers.CharField(allow_blank=True), required=False
    )
    levels = LevelSerializer(many=True)
    state = RuleHealthSerializer(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)

    @override
    def to_representation(self, instance: Rule) -> dict[str, Any]:
        return presentation.rule_json(instance)


def rule_values(cleaned: Mapping[str, Any], *, kind: str) -> dict[str, Any]:
    """Return what a serializer has let through, as values of a RuleDraft."""
    values = dict(cleaned)
    if "levels" in values:
        usual = Comparator.GE if kind == Rule.Kind.PATTERN else Comparator.GT
        values["levels"] = tuple(
            LevelDraft(
                **{
                    "comparator": usual.value,
                    **level,
                    "channels": tuple(level.get("channels", ())),
                }
            )
            for level in values["levels"]
        )
    return values


def rule_draft(cleaned: Mapping[str, Any]) -> RuleDraft:
    return RuleDraft(**rule_values(cleaned, kind=cleaned["kind"]))


class PreviewRequestSerializer(RuleSerializer):
    """A rule, and the past that it is tried on: `range` (7d at most) or start and end."""

    range = SecondsField(required=False)
    start = serializers.DateTimeField(required=False)
    end = serializers.DateTimeField(required=False)


class TeamBriefSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    slug = serializers.CharField()
    name = serializers.CharField()


class NamedSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()


class AlertSerializer(serializers.Serializer[Alert]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    status = serializers.ChoiceField(choices=Alert.Status.choices)
    severity = serializers.ChoiceField(choices=Severity.choices)
    value = serializers.FloatField(allow_null=True)
    labels = serializers.DictField(child=serializers.CharField())
    annotations = serializers.DictField(child=serializers.CharField())
    team = TeamBriefSerializer(allow_null=True)
    rule = NamedSerializer(allow_null=True)
    started_at = serializers.DateTimeField()
    fired_at = serializers.DateTimeField(allow_null=True)
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    acknowledged_by = serializers.CharField(allow_null=True)
    assignee = NamedSerializer(allow_null=True)
    resolved_at = serializers.DateTimeField(allow_null=True)
    resolved_by = serializers.CharField(allow_null=True)
    resolution = serializers.CharField(allow_null=True)
    url = serializers.CharField()

    @override
    def to_representation(self, instance: Alert) -> dict[str, Any]:
        return presentation.alert_json(instance)


class TransitionSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    kind = serializers.CharField()
    at = serializers.DateTimeField()
    from_status = serializers.CharField(allow_null=True)
    to_status = serializers.CharField()
    from_severity = serializers.CharField(allow_null=True)
    to_severity = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    reason = serializers.CharField()
    actor = serializers.CharField()
    note = serializers.CharField(allow_null=True)

    @override
    def to_representation(self, instance: Any) -> dict[str, Any]:
        return presentation.transition_json(instance)


class AlertDetailSerializer(AlertSerializer):
    timeline = TransitionSerializer(many=True)

    @override
    def to_representation(self, instance: Alert) -> dict[str, Any]:
        timeline = [presentation.transition_json(t) for t in instance.transitions.all()]
        return presentation.alert_json(instance) | {"timeline": timeline}


class NoteSerializer(StrictSerializer):
    note = serializers.CharField(
        required=False, allow_blank=True, max_length=MAX_NOTE, default=""
    )


class CommentSerializer(StrictSerializer):
    note = serializers.CharField(max_length=MAX_NOTE)


class AssignSerializer(StrictSerializer):
    """`user`: an id or e-mail address, or null for nobody."""

    user = serializers.JSONField(allow_null=True)
    note = serializers.CharField(
        required=False, allow_blank=True, max_length=MAX_NOTE, default=""
    )

    def validate_user(self, value: Any) -> int | str | None:
        if value is None or (isinstance(value, int | str) and value is not True):
            return value
        raise serializers.ValidationError("Give an id, an e-mail address or null.")


class EpisodeSerializer(serializers.Serializer[Any]):
    labels = serializers.DictField(child=serializers.CharField())
    severity = serializers.CharField()
    started_at = serializers.DateTimeField()
    fired_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)
    reasons = serializers.ListField(child=serializers.CharField())


class ToldSerializer(serializers.Serializer[Any]):
    channel = serializers.CharField()
    kind = serializers.CharField()
    times = serializers.IntegerField()


class PreviewSerializer(serializers.Serializer[Any]):
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    complete = serializers.BooleanField()
    alerts = EpisodeSerializer(many=True)
    told = ToldSerializer(many=True)
