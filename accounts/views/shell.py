"""What the frame of every page below /o/<organization slug>/ shows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.http import ScopedRequest
from accounts.models import Organization, Team
from accounts.scope import Role, Scope, TeamRole


@dataclass(frozen=True, slots=True)
class Shell:
    """`team` is the one that the page is narrowed to by `?team=`, if any.

    `may_administer` says whether the admin would let the reader in.
    """

    organization: Organization
    organizations: list[Organization]
    teams: list[Team]
    team: Team | None
    may_administer: bool


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor: the shell of a scoped page, made on first use."""
    # Django keeps the ASGI server's own `scope` in this place until a page is scoped.
    if not isinstance(getattr(request, "scope", None), Scope):
        return {}
    return {"shell": shell_of(request)}  # type: ignore[arg-type]  # it has a scope


def shell_of(request: ScopedRequest) -> Shell:
    """Return the request's shell; several fragments of one page share it."""
    if not hasattr(request, "_shell"):
        request._shell = _make(request)  # type: ignore[attr-defined]  # noqa: SLF001 - ours, kept for the request
    return request._shell  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001 - the same


def _make(request: ScopedRequest) -> Shell:
    organizations = list(
        Organization.objects.filter(memberships__user=request.user).order_by("name")
    )
    mine = request.scope.organization_id
    teams = list(Team.objects.visible_to(request.scope))
    return Shell(
        organization=next(o for o in organizations if o.pk == mine),
        organizations=organizations,
        teams=teams,
        team=chosen_team(request.scope, teams, request.GET.get("team", "")),
        may_administer=admin.site.has_permission(request),
    )


def chosen_team(scope: Scope, teams: list[Team], slug: str) -> Team | None:
    """Return the team of that slug, if the actor may see it."""
    return next((t for t in teams if t.slug == slug and scope.sees_team(t.pk)), None)


def reading_scope(request: ScopedRequest) -> Scope:
    """Return the scope for what the page shows: narrowed to the chosen team.

    Narrowed, even an admin sees only that team's things and those of no team. For
    reading only: what may be done still depends on `request.scope`.
    """
    team = shell_of(request).team
    if team is None:
        return request.scope
    role = request.scope.team_roles.get(team.pk, TeamRole.VIEWER)
    return replace(request.scope, role=Role.MEMBER, team_roles={team.pk: role})
