"""From who is asking to a scope: the one place where access begins."""

from __future__ import annotations

from accounts.models import Membership, User
from accounts.scope import Scope


class NoMembershipError(LookupError):
    """The user is no member there, so for them the organization does not exist."""


class AmbiguousOrganizationError(ValueError):
    """The user is in several organizations and did not say which is meant."""


def scope_of_user(user: User, slug: str | None, *, ip: str | None = None) -> Scope:
    """Return the user's scope in the organization `slug`, or in their only one.

    Raises NoMembershipError and AmbiguousOrganizationError.
    """
    memberships = Membership.objects.select_related("organization", "user")
    mine = memberships.filter(user=user, user__is_active=True)
    if slug:
        mine = mine.filter(organization__slug=slug)
    found = list(mine[:2])
    if not found:
        raise NoMembershipError(slug)
    if len(found) > 1:
        raise AmbiguousOrganizationError
    return found[0].scope(ip=ip)
