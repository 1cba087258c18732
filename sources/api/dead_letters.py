"""Batches that could not be stored, over REST."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from typing_extensions import override

from accounts.api.viewsets import MAINTAIN, READ, OrganizationViewSet
from sources.api.dead_letter_serializers import (
    DeadLetterDetailSerializer,
    DeadLetterSerializer,
    ReplayedSerializer,
    ReplaySerializer,
)
from sources.api.filters import DeadLetterFilter
from sources.api.views import as_api_errors
from sources.models import DeadLetter
from sources.services import dead_letters


class DeadLetterViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.DestroyModelMixin,
    OrganizationViewSet,
):
    """Batches that could not be stored: to be replayed, or discarded for good."""

    serializer_class = DeadLetterSerializer
    queryset = DeadLetter.unscoped.none()
    filterset_class = DeadLetterFilter
    access = {
        "list": READ,
        "retrieve": READ,
        "destroy": MAINTAIN,
        "replay": MAINTAIN,
        "replay_many": MAINTAIN,
    }

    @override
    def get_queryset(self) -> QuerySet[DeadLetter]:
        rows = DeadLetter.objects.visible_to(self.scope)
        if self.action != "retrieve":
            rows = rows.defer("payload")
        return rows.select_related("source", "team")

    @override
    def get_serializer_class(self) -> type[DeadLetterSerializer]:
        shown = self.action == "retrieve"
        return DeadLetterDetailSerializer if shown else DeadLetterSerializer

    @override
    def perform_destroy(self, instance: DeadLetter) -> None:
        with as_api_errors():
            dead_letters.discard(self.scope, [instance.pk])

    @extend_schema(request=None, responses=ReplayedSerializer)
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: str | None = None) -> Response:
        """Put one letter back into the inbox."""
        with as_api_errors():
            count = dead_letters.replay(self.scope, [self.get_object().pk])
        return Response({"replayed": count})

    @extend_schema(
        operation_id="dead_letters_replay_many",
        request=ReplaySerializer,
        responses=ReplayedSerializer,
    )
    @action(detail=False, methods=["post"], url_path="replay", filterset_class=None)
    def replay_many(self, request: Request) -> Response:
        """Put the named letters, or all, back into the inbox."""
        wanted = ReplaySerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        with as_api_errors():
            count = dead_letters.replay(self.scope, wanted.validated_data.get("ids"))
        return Response({"replayed": count})
