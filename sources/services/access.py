"""Who may change what a source is: said once for settings and dead letters."""

from __future__ import annotations

from accounts.scope import Scope, TeamRole
from accounts.services import access


class PermissionRefusedError(Exception):
    """The actor sees the thing but may not do this to it; the text says who may."""


def has_team_role(scope: Scope, team_id: int | None, role: TeamRole) -> bool:
    return access.may_change(scope, team_id, role)


def require_team_role(scope: Scope, team_id: int | None, role: TeamRole) -> None:
    """Raises PermissionRefusedError."""
    if not access.may_change(scope, team_id, role):
        raise PermissionRefusedError(access.refusal(team_id, role))
