"""Events of one's own over REST."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.viewsets import RESPOND, Access, ScopedAPI
from accounts.scope import Permission
from monitoring.api import serializers
from monitoring.live import publish
from monitoring.live.topics import CUSTOM_TOPIC


class LivePublishAPI(ScopedAPI):
    """Show an event of your own on a custom topic."""

    access = {"post": Access(Permission.WRITE, team_role=RESPOND.team_role)}

    @extend_schema(
        operation_id="live_publish",
        request=serializers.LiveEventSerializer,
        responses={202: None},
    )
    def post(self, request: Request, topic: str) -> Response:
        if not CUSTOM_TOPIC.match(topic):
            raise ValidationError({"topic": ["A topic of your own is custom.<name>."]})
        serializer = serializers.LiveEventSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        publish(
            self.scope.organization_id,
            topic,
            serializer.validated_data["data"],
            team_id=next(iter(self.scope.visible_teams or ()), None),
        )
        return Response(status=202)
