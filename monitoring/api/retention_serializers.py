"""Shapes of retention, previews and delete requests."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from rest_framework import serializers
from typing_extensions import override

from accounts.models import Team
from monitoring.api.parameters import moment
from monitoring.models import DeleteRequest, LifecycleState, RetentionRule, Signal
from monitoring.moments import iso_ms, iso_ns
from monitoring.services.archive import Archived
from monitoring.services.retention_rules import (
    InvalidRetentionError,
    Loss,
    keep_for_text,
    parse_keep_for,
)


class KeepForField(serializers.CharField):
    """A duration in weeks, days and hours: 2w, 30d, 36h."""

    @override
    def to_internal_value(self, data: Any) -> timedelta:  # type: ignore[override]
        text = super().to_internal_value(data)
        try:
            return parse_keep_for(text)
        except InvalidRetentionError as error:
            raise serializers.ValidationError(error.fields["keep_for"]) from None

    @override
    def to_representation(self, value: timedelta) -> str:  # type: ignore[override]
        return keep_for_text(value)


class MomentField(serializers.CharField):
    """RFC 3339 or Unix seconds."""

    @override
    def to_internal_value(self, data: Any) -> datetime:  # type: ignore[override]
        text = super().to_internal_value(data)
        try:
            return moment(text, "time")
        except serializers.ValidationError:
            raise serializers.ValidationError(
                "Use RFC 3339, as 2026-01-31T08:00:00Z, or Unix seconds."
            ) from None


class TeamField(serializers.SlugRelatedField[Team]):
    @override
    def get_queryset(self) -> Any:
        if "scope" not in self.context:
            return Team.unscoped.none()
        return Team.objects.visible_to(self.context["scope"])


class RetentionRuleSerializer(serializers.ModelSerializer[RetentionRule]):
    signal = serializers.ChoiceField(choices=Signal.choices)
    team = TeamField(slug_field="slug", required=False, allow_null=True, default=None)
    selector = serializers.CharField(
        required=False, allow_blank=True, help_text='As {env="dev"}; empty: everything.'
    )
    keep_for = KeepForField(help_text="As 2w, 30d or 36h.")

    class Meta:
        model = RetentionRule
        fields = ["id", "position", "signal", "team", "selector", "keep_for"]
        read_only_fields = ["id", "position"]


class RetentionRuleListSerializer(serializers.Serializer[dict[str, object]]):
    results = RetentionRuleSerializer(many=True)
    next = serializers.URLField(allow_null=True)


class OrderSerializer(serializers.Serializer[dict[str, object]]):
    order = serializers.ListField(
        child=serializers.IntegerField(), max_length=1000, help_text="Ids of all rules."
    )


class RetentionPreviewRequestSerializer(serializers.Serializer[dict[str, object]]):
    rules = serializers.ListField(
        child=RetentionRuleSerializer(),
        max_length=100,
        help_text="All rules as they are to be, in order.",
    )


class LossSerializer(serializers.Serializer[dict[str, object]]):
    signal = serializers.CharField()
    series = serializers.IntegerField(help_text="Series, or streams.")
    records = serializers.IntegerField(help_text="Samples, or lines.")
    buckets = serializers.IntegerField(help_text="Of roll-ups of samples.")
    bytes = serializers.IntegerField(help_text="On the disk.")
    oldest_day = serializers.DateField(allow_null=True)
    exact = serializers.BooleanField(help_text="false: the numbers are an estimate.")


class RetentionPreviewSerializer(serializers.Serializer[dict[str, object]]):
    results = LossSerializer(many=True)


class ArchivedSerializer(serializers.Serializer[dict[str, object]]):
    signal = serializers.CharField()
    files = serializers.IntegerField()
    rows = serializers.IntegerField()
    bytes = serializers.IntegerField()
    oldest_day = serializers.DateField()
    newest_day = serializers.DateField()


class HindranceSerializer(serializers.Serializer[dict[str, object]]):
    work = serializers.CharField(help_text="retention, deletion or archive")
    error = serializers.CharField()
    failures = serializers.IntegerField()
    since = serializers.CharField()
    next_try = serializers.CharField()


class RetentionStatusSerializer(serializers.Serializer[dict[str, object]]):
    defaults = serializers.DictField(child=serializers.CharField())
    longest = serializers.CharField(help_text="The most that a rule may keep.")
    archive = ArchivedSerializer(many=True)
    failing = HindranceSerializer(many=True)


class DeleteSerializer(serializers.Serializer[dict[str, object]]):
    match = serializers.ListField(
        child=serializers.CharField(max_length=2000),
        min_length=1,
        max_length=50,
        help_text='Selectors, as {env="dev"}; one that takes it is enough.',
    )
    start = MomentField()
    end = MomentField()


class DeleteRequestSerializer(serializers.ModelSerializer[DeleteRequest]):
    match = serializers.ListField(
        child=serializers.CharField(), source="selectors", read_only=True
    )
    start = serializers.CharField(read_only=True)
    end = serializers.CharField(read_only=True)

    class Meta:
        model = DeleteRequest
        fields = [
            "id",
            "signal",
            "match",
            "start",
            "end",
            "status",
            "steps",
            "deleted",
            "requested_by",
            "created_at",
            "started_at",
            "finished_at",
        ]
        read_only_fields = fields

    @override
    def to_representation(self, instance: DeleteRequest) -> dict[str, Any]:
        return request_json(instance)


def request_json(request: DeleteRequest) -> dict[str, Any]:
    return {
        "id": request.pk,
        "signal": request.signal,
        "match": request.selectors,
        "start": iso_ns(request.start_ns),
        "end": iso_ns(request.end_ns),
        "status": request.status,
        "steps": request.steps,
        "deleted": request.deleted,
        "requested_by": request.requested_by,
        "created_at": _iso(request.created_at),
        "started_at": _iso(request.started_at),
        "finished_at": _iso(request.finished_at),
    }


def loss_json(loss: Loss) -> dict[str, Any]:
    return {
        "signal": loss.signal,
        "series": loss.ids,
        "records": loss.amount.records,
        "buckets": loss.rollups.records,
        "bytes": loss.bytes,
        "oldest_day": loss.oldest and loss.oldest.isoformat(),
        "exact": loss.exact,
    }


def archived_json(one: Archived) -> dict[str, Any]:
    return {
        "signal": one.signal,
        "files": one.files,
        "rows": one.rows,
        "bytes": one.bytes,
        "oldest_day": one.oldest and one.oldest.isoformat(),
        "newest_day": one.newest and one.newest.isoformat(),
    }


def hindrance_json(one: LifecycleState) -> dict[str, Any]:
    return {
        "work": one.work,
        "error": one.error,
        "failures": one.failures,
        "since": _iso(one.since),
        "next_try": _iso(one.next_try),
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else iso_ms(at)
