"""Who asks, for which organization, and how far they may go: no Django, no I/O.

A scope is made once per request, token, socket or task and travels from there
through every read and write, so that no query can forget whose data it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Self


class Role(IntEnum):
    """What a member may do in the whole organization; a higher one includes the lower."""

    MEMBER = 10
    ADMIN = 20
    OWNER = 30


class TeamRole(IntEnum):
    """What a member may do with the things of one team."""

    VIEWER = 10
    RESPONDER = 20
    MAINTAINER = 30


class Permission(StrEnum):
    """What an API token is allowed, whatever its owner could do."""

    INGEST = "ingest"
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


ALL_PERMISSIONS = frozenset(Permission)


class ActorKind(StrEnum):
    USER = "user"
    TOKEN = "token"  # noqa: S105 - a kind of actor, not a secret
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is to stand in the audit log."""

    kind: ActorKind
    id: int | None
    name: str
    ip: str | None = None


SYSTEM = Actor(ActorKind.SYSTEM, None, "system")


@dataclass(frozen=True, slots=True)
class Scope:
    """One actor's reach into one organization."""

    organization_id: int
    organization_slug: str
    actor: Actor
    role: Role = Role.MEMBER
    permissions: frozenset[Permission] = ALL_PERMISSIONS
    team_roles: dict[int, TeamRole] = field(default_factory=dict)

    @classmethod
    def of_system(cls, organization_id: int, organization_slug: str) -> Self:
        """The scope of the platform's own work for one organization."""
        return cls(organization_id, organization_slug, SYSTEM, Role.OWNER)

    @property
    def sees_all_teams(self) -> bool:
        return self.role >= Role.ADMIN

    @property
    def visible_teams(self) -> frozenset[int] | None:
        """Ids of the teams whose things may be read; None stands for all.

        What belongs to no team is visible to the whole organization.
        """
        return None if self.sees_all_teams else frozenset(self.team_roles)

    def sees_team(self, team_id: int | None) -> bool:
        visible = self.visible_teams
        return team_id is None or visible is None or team_id in visible

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    def has_role(self, role: Role) -> bool:
        return self.role >= role

    def has_team_role(self, team_id: int | None, role: TeamRole) -> bool:
        """Whether the actor may act with `role` on a thing of that team.

        Organization admins may everywhere. A thing of no team belongs to the
        whole organization: any team role of that height is enough for it.
        """
        if self.sees_all_teams:
            return True
        if team_id is None:
            return any(held >= role for held in self.team_roles.values())
        return self.team_roles.get(team_id, 0) >= role
