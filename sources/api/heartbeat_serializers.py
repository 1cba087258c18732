from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from typing_extensions import override

from accounts.api.serializers import StrictSerializer
from accounts.models import Team
from sources.models import Heartbeat, HeartbeatFlip, HeartbeatPing
from sources.services.heartbeats.presentation import ping_url, slug_url
from sources.services.heartbeats.states import due_at, status_at

_STATUSES = [*Heartbeat.Status.choices, ("grace", "Late")]


@extend_schema_field(OpenApiTypes.DOUBLE)
class SecondsField(serializers.Field[timedelta, float, float, Any]):
    """A duration, outside in seconds; only ever shown."""

    @override
    def to_representation(self, value: timedelta) -> float:
        return value.total_seconds()


class WordsField(serializers.ListField):
    child = serializers.CharField(max_length=200)


class HeartbeatSerializer(StrictSerializer):
    """A heartbeat's settings, and below them how it is."""

    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(max_length=100, required=False, allow_blank=True)
    slug = serializers.CharField(max_length=100, required=False, allow_blank=True)
    description = serializers.CharField(
        max_length=10_000, required=False, allow_blank=True
    )
    tags = WordsField(required=False)
    team = serializers.SlugRelatedField(
        slug_field="slug",
        queryset=Team.unscoped.none(),
        required=False,
        allow_null=True,
    )
    kind = serializers.ChoiceField(choices=Heartbeat.Kind.choices, required=False)
    timeout_seconds = serializers.IntegerField(required=False)
    grace_seconds = serializers.IntegerField(required=False)
    schedule = serializers.CharField(max_length=1000, required=False)
    zone = serializers.CharField(max_length=64, required=False)
    post_only = serializers.BooleanField(required=False)
    start_words = WordsField(required=False)
    success_words = WordsField(required=False)
    failure_words = WordsField(required=False)
    manual_resume = serializers.BooleanField(required=False)
    status = serializers.SerializerMethodField()
    started = serializers.SerializerMethodField()
    pings_total = serializers.IntegerField(read_only=True)
    last_ping_at = serializers.DateTimeField(read_only=True)
    next_ping_at = serializers.SerializerMethodField()
    last_duration_seconds = SecondsField(read_only=True, source="last_duration")
    ping_url = serializers.SerializerMethodField()
    slug_url = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField(read_only=True)

    @override
    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        scope = self.context.get("scope")
        if scope is not None:
            fields["team"].queryset = Team.objects.visible_to(scope)
        return fields

    def get_status(self, heartbeat: Heartbeat) -> str:
        return status_at(heartbeat, timezone.now())

    def get_started(self, heartbeat: Heartbeat) -> bool:
        return heartbeat.last_start_at is not None

    def get_next_ping_at(self, heartbeat: Heartbeat) -> str | None:
        due = due_at(heartbeat)
        return serializers.DateTimeField().to_representation(due) if due else None

    def get_ping_url(self, heartbeat: Heartbeat) -> str:
        return ping_url(heartbeat)

    def get_slug_url(self, heartbeat: Heartbeat) -> str:
        """The address by slug; <PING_KEY> stands for the organization's key."""
        return slug_url(heartbeat)


class HeartbeatPingSerializer(serializers.ModelSerializer[HeartbeatPing]):
    duration_seconds = SecondsField(source="duration", read_only=True)
    size = serializers.SerializerMethodField()

    class Meta:
        model = HeartbeatPing
        fields = [
            "number",
            "at",
            "kind",
            "exit_status",
            "rid",
            "method",
            "scheme",
            "remote_address",
            "user_agent",
            "duration_seconds",
            "size",
        ]

    def get_size(self, ping: HeartbeatPing) -> int:
        return len(ping.body)


class HeartbeatFlipSerializer(serializers.Serializer[HeartbeatFlip]):
    at = serializers.DateTimeField()
    from_status = serializers.CharField()
    to_status = serializers.CharField()


class PingKeySerializer(serializers.Serializer[Any]):
    key = serializers.CharField(help_text="Empty while there is none yet.")
