"""Channels and notifications over REST."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from typing_extensions import override

from accounts.api.viewsets import (
    MAINTAIN,
    READ,
    EditableViewSet,
    OrganizationViewSet,
    editable_by,
)
from alerts.api import parameters
from alerts.api.channel_serializers import ChannelSerializer, NotificationSerializer
from alerts.api.schema import CHANNEL_PARAMETERS, NOTIFICATION_PARAMETERS
from alerts.api.views import Filtered, domain_errors
from alerts.models import Notification, NotificationChannel
from alerts.services import channels
from alerts.services.channels import ChannelDraft


@extend_schema(tags=["notifications"])
class ChannelViewSet(Filtered, EditableViewSet):
    """Where notifications go: e-mail lists and webhooks."""

    serializer_class = ChannelSerializer
    queryset = NotificationChannel.unscoped.none()
    filter_backends: list[Any] = []
    access = {
        **editable_by(MAINTAIN),
        "test": MAINTAIN,
    }

    @override
    def get_queryset(self) -> QuerySet[NotificationChannel]:
        found = NotificationChannel.objects.visible_to(self.scope)
        rows = found.select_related("team", "organization")
        return self.filtered(rows, parameters.CHANNELS)

    @extend_schema(parameters=CHANNEL_PARAMETERS)
    @override
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    @override
    def perform_create(self, serializer: BaseSerializer[Any]) -> None:
        draft = ChannelDraft(**serializer.validated_data)
        with domain_errors():
            serializer.instance = channels.create_channel(self.scope, draft)

    @override
    def perform_update(self, serializer: BaseSerializer[Any]) -> None:
        channel = serializer.instance
        assert isinstance(channel, NotificationChannel)  # noqa: S101 - narrows the type
        if serializer.partial:
            before = channels.draft_of(channel)
            draft = replace(before, **serializer.validated_data)
        else:
            draft = ChannelDraft(**serializer.validated_data)
        with domain_errors():
            serializer.instance = channels.update_channel(self.scope, channel, draft)

    @override
    def perform_destroy(self, instance: NotificationChannel) -> None:
        channels.delete_channel(self.scope, instance)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, **kwargs: Any) -> Response:
        """Send a test notification now; 502 says why it did not arrive."""
        with domain_errors():
            channels.send_test(self.scope, self.get_object(), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema(tags=["notifications"])
class NotificationViewSet(
    Filtered,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    OrganizationViewSet,
):
    """What was, is being or could not be delivered; newest first."""

    serializer_class = NotificationSerializer
    queryset = Notification.unscoped.none()
    filter_backends: list[Any] = []
    access = {"list": READ, "retrieve": READ}

    @override
    def get_queryset(self) -> QuerySet[Notification]:
        notifications = Notification.objects.visible_to(self.scope)
        rows = notifications.select_related("alert", "channel", "transition")
        return self.filtered(rows, parameters.NOTIFICATIONS)

    @extend_schema(parameters=NOTIFICATION_PARAMETERS)
    @override
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)
