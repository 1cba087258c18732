"""People and organizations for tests.

The cast: Alice owns Acme, Bob is a member of its team "payments", Carol a responder of
its other team "platform", and Mallory owns Globex and must see nothing of Acme.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import factory
from django.utils import timezone

from accounts.models import (
    ApiToken,
    Membership,
    Organization,
    Team,
    TeamMembership,
    User,
)
from accounts.scope import Permission, Role, Scope, TeamRole
from accounts.services.tokens import create_token, scope_of_token

PASSWORD = "correct horse battery staple"


class OrganizationFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Organization

    slug = factory.Sequence(lambda n: f"organization-{n}")
    name = factory.LazyAttribute(lambda o: o.slug.replace("-", " ").capitalize())


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"user{n}@example.org")
    name = factory.Sequence(lambda n: f"User {n}")

    @factory.post_generation
    def password(self, create, extracted, **kwargs):
        self.set_password(extracted or PASSWORD)
        if create:
            self.save()


class TeamFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Team

    organization = factory.SubFactory(OrganizationFactory)
    slug = factory.Sequence(lambda n: f"team-{n}")
    name = factory.LazyAttribute(lambda o: o.slug.capitalize())

    @classmethod
    def _get_manager(cls, model_class):
        return model_class.unscoped


class MembershipFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Membership

    user = factory.SubFactory(UserFactory)
    organization = factory.SubFactory(OrganizationFactory)
    role = Role.MEMBER


class TeamMembershipFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = TeamMembership

    user = factory.SubFactory(UserFactory)
    team = factory.SubFactory(TeamFactory)
    role = TeamRole.RESPONDER


def make_token(organization, *permissions, team=None, **kwargs) -> str:
    """Return the secret of a new token; all permissions unless some are named."""
    wanted = [Permission(p) for p in permissions] or list(Permission)
    return create_token(organization, permissions=wanted, team=team, **kwargs)[1]


def token_scope(secret: str, slug: str | None = None) -> Scope:
    from accounts.services.tokens import find_token

    token = find_token(secret, now=timezone.now())
    assert isinstance(token, ApiToken)
    return scope_of_token(token, requested_slug=slug)


@dataclass
class Cast:
    """Two organizations, three roles, one stranger; made as they are asked for."""

    @cached_property
    def acme(self) -> Organization:
        return OrganizationFactory(slug="acme", name="Acme")

    @cached_property
    def globex(self) -> Organization:
        return OrganizationFactory(slug="globex", name="Globex")

    @cached_property
    def payments(self) -> Team:
        return TeamFactory(organization=self.acme, slug="payments", name="Payments")

    @cached_property
    def platform(self) -> Team:
        return TeamFactory(organization=self.acme, slug="platform", name="Platform")

    @cached_property
    def alice(self) -> User:
        return self._person("alice", self.acme, Role.OWNER)

    @cached_property
    def bob(self) -> User:
        user = self._person("bob", self.acme, Role.MEMBER)
        TeamMembershipFactory(user=user, team=self.payments, role=TeamRole.VIEWER)
        return user

    @cached_property
    def carol(self) -> User:
        user = self._person("carol", self.acme, Role.MEMBER)
        TeamMembershipFactory(user=user, team=self.platform, role=TeamRole.RESPONDER)
        return user

    @cached_property
    def mallory(self) -> User:
        return self._person("mallory", self.globex, Role.OWNER)

    def _person(self, name: str, organization: Organization, role: Role) -> User:
        user = UserFactory(email=f"{name}@example.org", name=name.capitalize())
        MembershipFactory(user=user, organization=organization, role=role)
        return user

    def scope(self, user: User) -> Scope:
        return user.memberships.get().scope()

    def system(self, organization: Organization | None = None) -> Scope:
        organization = organization or self.acme
        return Scope.of_system(organization.pk, organization.slug)
