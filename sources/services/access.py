"""Who may change what a source is: said once for settings and dead letters."""

from __future__ import annotations

from accounts.scope import Scope, TeamRole


class PermissionRefusedError(Exception):
    """The actor sees the thing but may not do this to it; the text says who may."""


def require_team_role(scope: Scope, team_id: int | None, role: TeamRole) -> None:
    """What belongs to no team is the whole organization's: its admins' business.

    Raises PermissionRefusedError.
    """
    if team_id is None:
        if not scope.sees_all_teams:
            raise PermissionRefusedError(
                "Only admins of the organization may change what belongs to no team."
            )
    elif not scope.has_team_role(team_id, role):
        raise PermissionRefusedError(
            f"Only {role.name.lower()}s of its team and admins may change it."
        )
