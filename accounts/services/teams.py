"""The teams that an actor makes and changes things for."""

from __future__ import annotations

from django.db.models import QuerySet

from accounts.models import Team
from accounts.scope import Scope, TeamRole


def maintained_teams(scope: Scope) -> QuerySet[Team]:
    """Return all teams for admins, and those that the scope maintains for others."""
    teams = Team.objects.visible_to(scope)
    if scope.sees_all_teams:
        return teams
    held = [pk for pk, role in scope.team_roles.items() if role >= TeamRole.MAINTAINER]
    return teams.filter(pk__in=held)


def usual_team(scope: Scope) -> Team | None:
    """Return the team whose things the scope makes when it does not say: none for
    admins, and the only one that it maintains for others."""
    if scope.sees_all_teams:
        return None
    teams = list(maintained_teams(scope)[:2])
    return teams[0] if len(teams) == 1 else None
