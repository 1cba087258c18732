from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from typing_extensions import override

from accounts.models.scoped import OrganizationModel, ScopedManager, ScopedQuerySet
from accounts.models.tenant import Organization, slug_validator
from accounts.scope import Actor, ActorKind, Role, Scope, TeamRole


class TeamQuerySet(ScopedQuerySet["Team"]):
    @override
    def _visible_in_teams(self, teams: frozenset[int]) -> models.Q:
        return models.Q(pk__in=teams)


class Team(OrganizationModel):
    """People who own sources, rules and alerts together."""

    name = models.CharField(max_length=100)
    slug = models.CharField(max_length=63, validators=[slug_validator])
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ScopedManager.from_queryset(TeamQuerySet)()

    class Meta(OrganizationModel.Meta):
        ordering = ["slug"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "slug"], name="accounts_team_unique_slug"
            )
        ]

    @override
    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A user's place in an organization; there is no access without one."""

    class RoleChoice(models.IntegerChoices):
        MEMBER = Role.MEMBER, "Member"
        ADMIN = Role.ADMIN, "Admin"
        OWNER = Role.OWNER, "Owner"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.SmallIntegerField(choices=RoleChoice, default=RoleChoice.MEMBER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["organization__name"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "organization"], name="accounts_membership_unique"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.user} in {self.organization}"

    def scope(self, *, ip: str | None = None) -> Scope:
        """Return what this member may see and do."""
        held = TeamMembership.objects.filter(
            user_id=self.user_id, team__organization_id=self.organization_id
        )
        return Scope(
            organization_id=self.organization_id,
            organization_slug=self.organization.slug,
            actor=Actor(ActorKind.USER, self.user_id, self.user.email, ip),
            role=Role(self.role),
            team_roles={m.team_id: TeamRole(m.role) for m in held},
        )


class TeamMembership(models.Model):
    """A user's role in one team."""

    class RoleChoice(models.IntegerChoices):
        VIEWER = TeamRole.VIEWER, "Viewer"
        RESPONDER = TeamRole.RESPONDER, "Responder"
        MAINTAINER = TeamRole.MAINTAINER, "Maintainer"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="team_memberships",
    )
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    role = models.SmallIntegerField(choices=RoleChoice, default=RoleChoice.RESPONDER)

    objects: ClassVar[models.Manager[TeamMembership]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "team"], name="accounts_teammembership_unique"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.user} in {self.team}"
