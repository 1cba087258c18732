from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from typing_extensions import override

from accounts.api.viewsets import (
    MAINTAIN,
    READ,
    EditableViewSet,
    ScopedAPI,
    editable_by,
)
from accounts.models import User
from accounts.services.teams import usual_team
from sources.api.filters import SourceFilter
from sources.api.serializers import (
    ProbeSerializer,
    SourcePreviewRequestSerializer,
    SourcePreviewSerializer,
    SourceSerializer,
    SourceTestSerializer,
)
from sources.models import Source
from sources.services.log_formats import formats_of
from sources.services.pipeline_state import pipeline_state, platform_state
from sources.services.sources import (
    InvalidSourceError,
    PermissionRefusedError,
    create_source,
    delete_source,
    preview_source,
    test_source,
    update_source,
)


@contextmanager
def as_api_errors() -> Iterator[None]:
    """Say what the services refuse in the API's words."""
    try:
        yield
    except InvalidSourceError as error:
        raise exceptions.ValidationError(error.fields) from None
    except PermissionRefusedError as error:
        raise exceptions.PermissionDenied(str(error)) from None


class SourceViewSet(EditableViewSet):
    """Where telemetry comes from."""

    serializer_class = SourceSerializer
    queryset = Source.unscoped.none()
    filterset_class = SourceFilter
    access = {
        **editable_by(MAINTAIN),
        "test": MAINTAIN,
        "preview": MAINTAIN,
    }

    @override
    def get_queryset(self) -> QuerySet[Source]:
        rows = Source.objects.visible_to(self.scope).with_status(timezone.now())
        return rows.select_related("state", "team")

    @override
    def perform_create(self, serializer: BaseSerializer[Source]) -> None:
        wanted = {"team": usual_team(self.scope), **serializer.validated_data}
        with as_api_errors():
            source = create_source(self.scope, **wanted)
        serializer.instance = self.get_queryset().get(pk=source.pk)

    @override
    def perform_update(self, serializer: BaseSerializer[Source]) -> None:
        wanted = dict(serializer.validated_data)
        if not serializer.partial:
            wanted = {**_DEFAULTS, **wanted}
        with as_api_errors():
            source = update_source(self.scope, self.get_object(), **wanted)
        serializer.instance = self.get_queryset().get(pk=source.pk)

    @override
    def perform_destroy(self, instance: Source) -> None:
        with as_api_errors():
            delete_source(self.scope, instance)

    @extend_schema(request=SourceTestSerializer, responses=ProbeSerializer)
    @action(detail=False, methods=["post"], filterset_class=None)
    def test(self, request: Request) -> Response:
        """Say what a source of these settings would find now; nothing is stored."""
        wanted = SourceTestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        with as_api_errors():
            probe = test_source(
                wanted.validated_data["kind"],
                wanted.validated_data["config"],
                stored=None,
            )
        return Response(ProbeSerializer(probe).data)

    @extend_schema(
        request=SourcePreviewRequestSerializer, responses=SourcePreviewSerializer
    )
    @action(detail=False, methods=["post"], filterset_class=None)
    def preview(self, request: Request) -> Response:
        """Show how the newest lines, or pasted ones, are understood."""
        wanted = SourcePreviewRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        data = wanted.validated_data
        with as_api_errors():
            preview = preview_source(
                data.get("config"),
                sample=data.get("sample"),
                format_name=data["format"],
                received_ns=int(timezone.now().timestamp()) * 10**9,
                processing=data["processing"],
                own=formats_of(self.scope),
            )
        return Response(SourcePreviewSerializer(preview).data)


# What a PUT that leaves a setting out means by it.
_DEFAULTS: Mapping[str, Any] = {
    "config": {},
    "labels": {},
    "team": None,
    "format": "",
    "processing": {},
    "priority": Source.Priority.NORMAL,
    "enabled": True,
}


class PipelineAPI(ScopedAPI):
    """What waits, what goes through, and what could not be stored."""

    access = {"get": READ}

    @extend_schema(operation_id="pipeline", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        now = timezone.now()
        state = pipeline_state(self.scope, now)
        if isinstance(request.user, User) and request.user.is_superuser:
            state["platform"] = platform_state(now)
        return Response(state)
