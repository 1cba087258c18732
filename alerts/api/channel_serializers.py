"""Shapes of channels and notifications; `alerts.services.presentation` makes them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from typing_extensions import override

from accounts.api.serializers import StrictSerializer
from alerts.api.fields import TeamField
from alerts.api.serializers import NamedSerializer
from alerts.models import Notification, NotificationChannel
from alerts.services import presentation


class ChannelSerializer(StrictSerializer):
    """A notification channel; its secret goes in and never comes out."""

    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(max_length=100)
    kind = serializers.ChoiceField(choices=NotificationChannel.Kind.choices)
    team = TeamField(required=False, allow_null=True)
    config = serializers.DictField()
    secret = serializers.CharField(
        required=False, allow_blank=True, write_only=True, trim_whitespace=False
    )
    has_secret = serializers.BooleanField(read_only=True)
    is_default = serializers.BooleanField(required=False)
    enabled = serializers.BooleanField(required=False)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)

    @override
    def to_representation(self, instance: NotificationChannel) -> dict[str, Any]:
        return presentation.channel_json(instance)


class NotificationChannelBriefSerializer(NamedSerializer):
    kind = serializers.CharField()


class NotificationSerializer(serializers.Serializer[Notification]):
    id = serializers.IntegerField()
    alert = NamedSerializer()
    channel = NotificationChannelBriefSerializer()
    transition = serializers.IntegerField()
    about = serializers.DictField(child=serializers.CharField())
    status = serializers.ChoiceField(choices=Notification.Status.choices)
    attempts = serializers.IntegerField()
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    delivered_at = serializers.DateTimeField(allow_null=True)

    @override
    def to_representation(self, instance: Notification) -> dict[str, Any]:
        return presentation.notification_json(instance)
