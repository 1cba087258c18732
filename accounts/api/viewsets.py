from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from rest_framework import mixins, permissions, views, viewsets
from rest_framework.request import Request
from typing_extensions import override

from accounts.api.authentication import scope_of_request
from accounts.scope import Permission, Role, Scope, TeamRole


@dataclass(frozen=True, slots=True)
class Access:
    """What an action asks of its actor: a token's permission, and a role.

    `team_role` is enough for members where it is named; the object's own team is
    checked by the service.
    """

    permission: Permission
    role: Role = Role.MEMBER
    team_role: TeamRole | None = None

    def allows(self, scope: Scope) -> bool:
        if not scope.may(self.permission):
            return False
        if scope.has_role(self.role) and self.team_role is None:
            return True
        return self.team_role is not None and scope.has_team_role(None, self.team_role)


READ = Access(Permission.READ)
RESPOND = Access(Permission.WRITE, team_role=TeamRole.RESPONDER)
MAINTAIN = Access(Permission.WRITE, team_role=TeamRole.MAINTAINER)
ADMINISTER = Access(Permission.ADMIN, role=Role.ADMIN)


class ScopedAPI(views.APIView):
    """An API view for one organization.

    What the scope does not reach is a 404. A role or a permission that is too low is
    a 403, and so is, for everyone, an action that `access` does not name.
    """

    permission_classes = [permissions.IsAuthenticated]
    access: ClassVar[Mapping[str, Access]]

    @cached_property
    def scope(self) -> Scope:
        return scope_of_request(self.request)

    @override
    def check_permissions(self, request: Request) -> None:
        super().check_permissions(request)
        required = self.access.get(self._action_name(request))
        if required is None:
            return self._refuse_method(request)
        if not required.allows(self.scope):
            self.permission_denied(request, message=self._refusal(required))
        return None

    def _action_name(self, request: Request) -> str:
        return getattr(self, "action", None) or (request.method or "").lower()

    def _refuse_method(self, request: Request) -> None:
        if (request.method or "").lower() not in dir(self):
            self.http_method_not_allowed(request)
        self.permission_denied(request)

    def _refusal(self, required: Access) -> str:
        if not self.scope.may(required.permission):
            return f"The token lacks the permission “{required.permission}”."
        return "Your role in this organization does not allow it."


class OrganizationViewSet(ScopedAPI, viewsets.GenericViewSet[Any]):
    """A viewset of one organization's things; `access` names every action's demand.

    A `queryset` of none says which model it is about, where there is no request:
    while the OpenAPI document is made.
    """

    @override
    def get_serializer_context(self) -> dict[str, Any]:
        context = dict(super().get_serializer_context())
        if not getattr(self, "swagger_fake_view", False):
            context["scope"] = self.scope
        return context


class EditableViewSet(
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.CreateModelMixin,
    mixins.UpdateModelMixin,
    mixins.DestroyModelMixin,
    OrganizationViewSet,
):
    """A viewset of things that are made, changed and deleted over the API."""


def editable_by(access: Access) -> dict[str, Access]:
    """Return what an EditableViewSet asks of its actors: reading is for all."""
    writes = ("create", "update", "partial_update", "destroy")
    return {"list": READ, "retrieve": READ, **dict.fromkeys(writes, access)}
