from __future__ import annotations

from django.db import transaction

from accounts.models import Membership, Organization, Team, TeamMembership, User
from accounts.scope import Role, Scope, TeamRole
from accounts.services import audit


@transaction.atomic
def create_organization(slug: str, *, name: str = "") -> tuple[Organization, bool]:
    """Return the organization of that slug and whether it was made now.

    Raises ValidationError for a slug that cannot be one.
    """
    found = Organization.objects.filter(slug=slug).first()
    if found is not None:
        return found, False
    organization = Organization(slug=slug, name=name or _name_of(slug))
    organization.full_clean()
    organization.save()
    scope = Scope.of_system(organization.pk, slug)
    audit.record(scope, "organization.create", organization, after={"slug": slug})
    return organization, True


@transaction.atomic
def create_team(scope: Scope, slug: str, *, name: str = "") -> Team:
    """Return the team of that slug, made if need be. Raises ValidationError."""
    found = Team.objects.visible_to(scope).filter(slug=slug).first()
    if found is not None:
        return found
    team = Team(
        organization_id=scope.organization_id, slug=slug, name=name or _name_of(slug)
    )
    team.full_clean()
    team.save()
    audit.record(scope, "team.create", team, after={"slug": slug})
    return team


@transaction.atomic
def add_member(scope: Scope, user: User, *, role: Role) -> Membership:
    """Give the user that role in the scope's organization."""
    membership, created = Membership.objects.update_or_create(
        user=user, organization_id=scope.organization_id, defaults={"role": role}
    )
    action = "member.add" if created else "member.update"
    audit.record(scope, action, user, after={"role": role.name.lower()})
    return membership


@transaction.atomic
def add_team_member(scope: Scope, team: Team, user: User, *, role: TeamRole) -> None:
    """Give the user that role in the team."""
    TeamMembership.objects.update_or_create(
        user=user, team=team, defaults={"role": role}
    )
    after = {"user": user.email, "role": role.name.lower()}
    audit.record(scope, "team.add_member", team, after=after)


def _name_of(slug: str) -> str:
    return slug.replace("-", " ").capitalize()
