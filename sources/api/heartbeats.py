"""Heartbeats over REST; jobs themselves ping at /ping/… without a token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from typing_extensions import override

from accounts.api.errors import Conflict
from accounts.api.viewsets import (
    MAINTAIN,
    READ,
    EditableViewSet,
    ScopedAPI,
    editable_by,
)
from sources.api.heartbeat_serializers import (
    HeartbeatFlipSerializer,
    HeartbeatPingSerializer,
    HeartbeatSerializer,
    PingKeySerializer,
)
from sources.api.views import as_api_errors
from sources.models import Heartbeat
from sources.services.heartbeats import keys
from sources.services.heartbeats.settings import (
    HeartbeatSettings,
    NotPausedError,
    create_heartbeat,
    delete_heartbeat,
    pause_heartbeat,
    resume_heartbeat,
    update_heartbeat,
)

FLIPS_SHOWN = 1000


class NotPaused(Conflict):
    default_code = "not_paused"
    default_detail = "The heartbeat is not paused: there is nothing to resume."


@contextmanager
def as_heartbeat_errors() -> Iterator[None]:
    with as_api_errors():
        try:
            yield
        except NotPausedError:
            raise NotPaused from None


class HeartbeatViewSet(EditableViewSet):
    """Jobs that say they are alive."""

    serializer_class = HeartbeatSerializer
    queryset = Heartbeat.unscoped.none()
    access = {
        **editable_by(MAINTAIN),
        "pings": READ,
        "body": READ,
        "flips": READ,
        "pause": MAINTAIN,
        "resume": MAINTAIN,
    }

    @override
    def get_queryset(self) -> QuerySet[Heartbeat]:
        return Heartbeat.objects.visible_to(self.scope).select_related("team")

    @override
    def perform_create(self, serializer: BaseSerializer[Heartbeat]) -> None:
        wanted = HeartbeatSettings(**serializer.validated_data)
        with as_heartbeat_errors():
            made = create_heartbeat(self.scope, wanted, now=timezone.now())
        serializer.instance = made

    @override
    def perform_update(self, serializer: BaseSerializer[Heartbeat]) -> None:
        wanted = dict(serializer.validated_data)
        if not serializer.partial:
            wanted = HeartbeatSettings(**wanted).changes()
        with as_heartbeat_errors():
            serializer.instance = update_heartbeat(
                self.scope, self.get_object(), wanted, now=timezone.now()
            )

    @override
    def perform_destroy(self, instance: Heartbeat) -> None:
        with as_heartbeat_errors():
            delete_heartbeat(self.scope, instance)

    @extend_schema(request=None, responses=HeartbeatSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, **kwargs: Any) -> Response:
        """Expect nothing until the next ping, or until it is resumed."""
        with as_heartbeat_errors():
            paused = pause_heartbeat(self.scope, self.get_object(), now=timezone.now())
        return Response(self.get_serializer(paused).data)

    @extend_schema(request=None, responses=HeartbeatSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, **kwargs: Any) -> Response:
        """Wait for the first ping again."""
        with as_heartbeat_errors():
            again = resume_heartbeat(self.scope, self.get_object(), now=timezone.now())
        return Response(self.get_serializer(again).data)

    @extend_schema(responses=HeartbeatPingSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def pings(self, request: Request, **kwargs: Any) -> Response:
        """List the newest pings: the last hundred are kept."""
        found = self.get_object().pings.all()
        return Response({"results": HeartbeatPingSerializer(found, many=True).data})

    @extend_schema(
        parameters=[OpenApiParameter("number", int, OpenApiParameter.PATH)],
        responses={(200, "text/plain"): OpenApiTypes.BINARY},
    )
    @action(
        detail=True, methods=["get"], url_path=r"pings/(?P<number>[0-9]{1,18})/body"
    )
    def body(self, request: Request, number: str, **kwargs: Any) -> HttpResponse:
        """Return what a ping brought with it, as it came."""
        found = get_object_or_404(self.get_object().pings, number=int(number))
        return HttpResponse(
            bytes(found.body),
            content_type="text/plain; charset=utf-8",
            headers={"X-Content-Type-Options": "nosniff"},
        )

    @extend_schema(responses=HeartbeatFlipSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def flips(self, request: Request, **kwargs: Any) -> Response:
        """List its changes of status, the newest first."""
        found = self.get_object().flips.all()[:FLIPS_SHOWN]
        return Response({"results": HeartbeatFlipSerializer(found, many=True).data})


class PingKeyAPI(ScopedAPI):
    """The key that addresses of heartbeats by slug begin with."""

    access = {"get": MAINTAIN, "post": MAINTAIN}

    @extend_schema(responses=PingKeySerializer)
    def get(self, request: Request) -> Response:
        with as_api_errors():
            return Response({"key": keys.ping_key(self.scope)})

    @extend_schema(request=None, responses={201: PingKeySerializer})
    def post(self, request: Request) -> Response:
        """Make a new key; addresses with the old one are no more."""
        with as_api_errors():
            return Response({"key": keys.renew_ping_key(self.scope)}, status=201)
