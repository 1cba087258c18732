from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from typing_extensions import override

from accounts.api.serializers import (
    AuditEntrySerializer,
    MemberSerializer,
    MeSerializer,
    OrganizationSerializer,
    TeamSerializer,
    TokenSerializer,
)
from accounts.api.viewsets import ADMINISTER, READ, OrganizationViewSet, ScopedAPI
from accounts.models import (
    ApiToken,
    AuditEntry,
    Membership,
    Organization,
    Team,
    User,
)
from accounts.scope import ALL_PERMISSIONS, Permission
from accounts.services.organizations import create_team
from accounts.services.tokens import create_token, revoke_token


class MeAPI(ScopedAPI):
    """Who the caller is, and what they may do."""

    access = {"get": READ}

    @extend_schema(operation_id="me", responses=MeSerializer)
    def get(self, request: Request) -> Response:
        return Response(MeSerializer(self.scope).data)


class OrganizationAPI(ScopedAPI):
    """The organization of the token or session."""

    access = {"get": READ}

    @extend_schema(operation_id="organization", responses=OrganizationSerializer)
    def get(self, request: Request) -> Response:
        organization = Organization.objects.get(pk=self.scope.organization_id)
        return Response(OrganizationSerializer(organization).data)


class TeamViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.CreateModelMixin,
    OrganizationViewSet,
):
    serializer_class = TeamSerializer
    queryset = Team.unscoped.none()
    access = {"list": READ, "retrieve": READ, "create": ADMINISTER}
    filterset_fields = ["slug"]

    @override
    def get_queryset(self) -> QuerySet[Team]:
        return Team.objects.visible_to(self.scope)

    @override
    def perform_create(self, serializer: BaseSerializer[Team]) -> None:
        data = serializer.validated_data
        serializer.instance = create_team(self.scope, data["slug"], name=data["name"])


class MemberViewSet(mixins.ListModelMixin, OrganizationViewSet):
    """Who is in the organization: needed to assign an alert to someone."""

    serializer_class = MemberSerializer
    queryset = Membership.objects.none()
    access = {"list": READ}

    @override
    def get_queryset(self) -> QuerySet[Membership]:
        mine = Membership.objects.filter(organization_id=self.scope.organization_id)
        return mine.select_related("user")


class TokenViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.CreateModelMixin,
    OrganizationViewSet,
):
    """Tokens are made and revoked, never changed; only a new one shows its secret."""

    serializer_class = TokenSerializer
    queryset = ApiToken.objects.none()
    access = {
        "list": ADMINISTER,
        "retrieve": ADMINISTER,
        "create": ADMINISTER,
        "revoke": ADMINISTER,
    }

    @override
    def get_queryset(self) -> QuerySet[ApiToken]:
        mine = ApiToken.objects.filter(organization_id=self.scope.organization_id)
        return mine.select_related("team")

    @override
    def get_serializer_context(self) -> dict[str, Any]:
        context = dict(super().get_serializer_context())
        if getattr(self, "swagger_fake_view", False):
            return context
        return {**context, "scope": self.scope}

    @override
    def perform_create(self, serializer: BaseSerializer[ApiToken]) -> None:
        data = serializer.validated_data
        permissions = {Permission(name) for name in data["permissions"]}
        # A token cannot hand on more than it holds itself.
        if not permissions <= self.scope.permissions & ALL_PERMISSIONS:
            self.permission_denied(
                self.request, "You lack one of these scopes yourself."
            )
        token, secret = create_token(
            Organization.objects.get(pk=self.scope.organization_id),
            permissions=permissions,
            name=data.get("name", ""),
            team=data.get("team"),
            expires_at=data.get("expires_at"),
            created_by=self.request.user
            if isinstance(self.request.user, User)
            else None,
            scope=self.scope,
        )
        token.token = secret  # type: ignore[attr-defined]  # shown this once
        serializer.instance = token

    @extend_schema(request=None, responses=TokenSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str | None = None) -> Response:
        token = revoke_token(self.scope, self.get_object(), now=timezone.now())
        return Response(self.get_serializer(token).data)


class AuditEntryViewSet(mixins.ListModelMixin, OrganizationViewSet):
    """Who changed what, newest first."""

    serializer_class = AuditEntrySerializer
    queryset = AuditEntry.unscoped.none()
    access = {"list": ADMINISTER}
    filterset_fields = ["action", "actor_name", "object_type", "object_id"]

    @override
    def get_queryset(self) -> QuerySet[AuditEntry]:
        return AuditEntry.objects.visible_to(self.scope)
