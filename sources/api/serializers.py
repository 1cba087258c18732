from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from typing_extensions import override

from accounts.api.serializers import StrictSerializer
from accounts.models import Team
from accounts.scope import Scope
from monitoring.promql.numbers import general
from sources.formats import FORMATS
from sources.models import Source
from sources.processing.sections import SECTIONS
from sources.services.configs import shown_config
from sources.services.kinds import CHOICES, KINDS
from sources.services.kinds.describing import in_a_sentence

CONFIG_HELP = (
    "What the kind needs to know. Secrets are shown as ********, which stands for "
    "the stored one when it is sent back. "
    + " ".join(in_a_sentence(kind) for kind in KINDS.values())
)
FORMAT_HELP = (
    "Format of its lines: one of your own, or one of " + ", ".join(FORMATS) + "; "
    "empty: recognised."
)
PROCESSING_HELP = (
    "What is done to its lines before they are stored, in this order. "
    + " ".join(f"`{s.name}`: {s.help}" for s in SECTIONS)
)
PRIORITIES: Mapping[int, str] = {p.value: p.name.lower() for p in Source.Priority}


class PriorityField(serializers.ChoiceField):
    """A word outside, a number inside."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            choices=[(word, word) for word in PRIORITIES.values()], **kwargs
        )

    @override
    def to_internal_value(self, data: Any) -> Any:
        word = super().to_internal_value(data)
        return next(n for n, known in PRIORITIES.items() if known == word)

    @override
    def to_representation(self, value: Any) -> str:
        return PRIORITIES[value]


class SampleValueField(serializers.CharField):
    """A number as Prometheus writes it, because JSON knows neither NaN nor Inf."""

    @override
    def to_representation(self, value: Any) -> str:
        return general(value)


def _figure(name: str) -> serializers.IntegerField:
    return serializers.IntegerField(read_only=True, source=f"state.{name}_total")


class SourceSerializer(StrictSerializer):
    """A source's settings, and below them what happened at it."""

    id = serializers.IntegerField(read_only=True)
    kind = serializers.ChoiceField(choices=CHOICES)
    name = serializers.CharField(max_length=100)
    config = serializers.DictField(required=False, help_text=CONFIG_HELP)
    labels = serializers.DictField(required=False)
    team = serializers.SlugRelatedField(
        slug_field="slug",
        queryset=Team.unscoped.none(),
        required=False,
        allow_null=True,
    )
    format = serializers.CharField(
        required=False, allow_blank=True, max_length=40, help_text=FORMAT_HELP
    )
    processing = serializers.DictField(required=False, help_text=PROCESSING_HELP)
    priority = PriorityField(required=False)
    enabled = serializers.BooleanField(required=False)
    status = serializers.ChoiceField(choices=Source.Status.choices, read_only=True)
    lines_total = serializers.IntegerField(read_only=True, source="state.lines_total")
    bytes_total = serializers.IntegerField(read_only=True, source="state.bytes_total")
    samples_total = serializers.IntegerField(
        read_only=True, source="state.samples_total"
    )
    rejected_total = serializers.IntegerField(
        read_only=True, source="state.rejected_total"
    )
    filtered_total = _figure("filtered")
    sampled_total = _figure("sampled")
    limited_total = _figure("limited")
    masked_total = _figure("masked")
    derived_total = _figure("derived")
    derive_errors_total = _figure("derive_errors")
    last_seen = serializers.DateTimeField(read_only=True, source="state.last_seen")
    last_error = serializers.CharField(read_only=True, source="state.last_error")
    last_error_at = serializers.DateTimeField(
        read_only=True, source="state.last_error_at"
    )
    detected_format = serializers.CharField(
        read_only=True, source="state.detected_format"
    )
    detected_confidence = serializers.FloatField(
        read_only=True, source="state.detected_confidence"
    )
    former_format = serializers.CharField(read_only=True, source="state.former_format")
    format_changed_at = serializers.DateTimeField(
        read_only=True, source="state.format_changed_at"
    )
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)

    @override
    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        return {**shown, "config": shown_config(instance.kind, instance.config)}

    @override
    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        scope: Scope | None = self.context.get("scope")
        if scope is not None:
            fields["team"].queryset = Team.objects.visible_to(scope)
        return fields


class SourceTestSerializer(StrictSerializer):
    """Settings to be tried out."""

    kind = serializers.ChoiceField(choices=CHOICES, default=Source.Kind.FILE)
    config = serializers.DictField(required=False, default=dict)


class ProbedFileSerializer(serializers.Serializer[Any]):
    path = serializers.CharField()
    size = serializers.IntegerField()
    modified_at = serializers.DateTimeField(allow_null=True)
    problem = serializers.CharField()


class ProbedSampleSerializer(serializers.Serializer[Any]):
    series = serializers.CharField()
    value = SampleValueField()
    unit = serializers.CharField()


class ProbeSerializer(serializers.Serializer[Any]):
    """What a source would find now."""

    ok = serializers.BooleanField()
    text = serializers.CharField()
    files = ProbedFileSerializer(many=True)
    problems = serializers.ListField(child=serializers.CharField())
    samples = ProbedSampleSerializer(many=True)
    total = serializers.IntegerField()


class SourcePreviewRequestSerializer(StrictSerializer):
    """Either `config` of a file source, or `sample`, some lines.

    `processing` are rules as a source has them: the answer says what they would do.
    """

    kind = serializers.ChoiceField(choices=[Source.Kind.FILE], required=False)
    config = serializers.DictField(required=False)
    sample = serializers.CharField(
        required=False, max_length=2**20, trim_whitespace=False
    )
    format = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=40
    )
    processing = serializers.DictField(required=False, default=dict)

    @override
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("config" in attrs) == ("sample" in attrs):
            raise serializers.ValidationError("Give either config or sample.")
        return attrs


class SourcePreviewSerializer(serializers.Serializer[Any]):
    """How some lines are understood."""

    origin = serializers.CharField()
    format = serializers.CharField()
    confidence = serializers.FloatField(source="detection.confidence")
    matched = serializers.IntegerField(source="detection.matched")
    total = serializers.IntegerField()
    unmatched_examples = serializers.ListField(
        child=serializers.CharField(), source="detection.unmatched_examples"
    )
    alternatives = serializers.SerializerMethodField()
    lines = serializers.SerializerMethodField()
    problems = serializers.ListField(child=serializers.CharField())
    processing = serializers.SerializerMethodField()

    def get_processing(self, preview: Any) -> dict[str, Any] | None:
        """What the rules would do; null without rules."""
        done = preview.processed
        if done is None:
            return None
        lines = [
            {
                "fate": line.fate,
                "line": line.line,
                "level": line.level,
                "fields": dict(line.fields),
                "labels": dict(line.labels),
                "masked": line.masked,
            }
            for line in done.lines
        ]
        samples = [
            {"series": s.series, "value": general(s.value)} for s in done.samples
        ]
        return {"lines": lines, "samples": samples, **done.counts}

    def get_alternatives(self, preview: Any) -> list[dict[str, Any]]:
        found = preview.detection.alternatives
        return [{"format": name, "confidence": sure} for name, sure in found]

    def get_lines(self, preview: Any) -> list[dict[str, Any]]:
        return [
            {
                "line": line.line,
                "timestamp": line.timestamp,
                "level": line.level,
                "fields": dict(line.fields),
                "matched": line.matched,
            }
            for line in preview.lines
        ]
