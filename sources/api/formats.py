from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from typing_extensions import override

from accounts.api.viewsets import MAINTAIN, EditableViewSet, editable_by
from sources.api.format_serializers import (
    FormatTestedSerializer,
    FormatTestSerializer,
    LogFormatSerializer,
)
from sources.api.views import as_api_errors
from sources.models import LogFormat
from sources.services.log_formats import (
    create_format,
    delete_format,
    try_format,
    update_format,
)

# What a PUT that leaves a setting out means by it.
_DEFAULTS: Mapping[str, Any] = {
    "title": "",
    "time_format": "",
    "event_start": "",
    "example": "",
    "detected": True,
}


class LogFormatViewSet(EditableViewSet):
    """Formats of lines that the organization describes itself."""

    serializer_class = LogFormatSerializer
    queryset = LogFormat.unscoped.none()
    access = {
        **editable_by(MAINTAIN),
        "test": MAINTAIN,
    }

    @override
    def get_queryset(self) -> QuerySet[LogFormat]:
        return LogFormat.objects.visible_to(self.scope)

    @override
    def perform_create(self, serializer: BaseSerializer[LogFormat]) -> None:
        with as_api_errors():
            row = create_format(self.scope, **serializer.validated_data)
        serializer.instance = row

    @override
    def perform_update(self, serializer: BaseSerializer[LogFormat]) -> None:
        wanted = dict(serializer.validated_data)
        if not serializer.partial:
            wanted = {**_DEFAULTS, **wanted}
        with as_api_errors():
            row = update_format(self.scope, self.get_object(), **wanted)
        serializer.instance = row

    @override
    def perform_destroy(self, instance: LogFormat) -> None:
        with as_api_errors():
            delete_format(self.scope, instance)

    @extend_schema(request=FormatTestSerializer, responses=FormatTestedSerializer)
    @action(detail=False, methods=["post"])
    def test(self, request: Request) -> Response:
        """Show what a description makes of pasted lines; nothing is stored."""
        wanted = FormatTestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        data = wanted.validated_data
        with as_api_errors():
            tested = try_format(
                data["syntax"],
                data["expression"],
                data["time_format"],
                data["sample"],
                received_ns=int(timezone.now().timestamp()) * 10**9,
                event_start=data["event_start"],
            )
        return Response(FormatTestedSerializer(tested).data)
