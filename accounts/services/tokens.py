"""Tokens: made once, shown once, known by their hash ever after."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import ApiToken, Organization, Team, User
from accounts.scope import (
    Actor,
    ActorKind,
    Permission,
    Role,
    Scope,
    TeamRole,
)
from accounts.services import audit
from accounts.services.believed import Believed

TOKEN_PREFIX = "vdt_"  # noqa: S105 - tells secret scanners what they have found
USED_RESOLUTION = timedelta(minutes=1)

_believed: Believed[ApiToken] = Believed(seconds=2.0)


class NoOrganizationError(ValueError):
    """A platform-wide token did not say for which organization it acts."""


class UnknownOrganizationError(LookupError):
    """The token may not act for that organization, or there is none of that name."""


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def create_token(
    organization: Organization | None,
    *,
    permissions: Iterable[Permission],
    name: str = "",
    team: Team | None = None,
    expires_at: datetime | None = None,
    created_by: User | None = None,
    scope: Scope | None = None,
) -> tuple[ApiToken, str]:
    """Return the row and the token itself, which cannot be had again."""
    secret = TOKEN_PREFIX + secrets.token_urlsafe(30)
    token = ApiToken.objects.create(
        organization=organization,
        team=team,
        name=name,
        prefix=secret[:10],
        digest=digest_of(secret),
        permissions=sorted(permissions),
        expires_at=expires_at,
        created_by=created_by,
    )
    if organization is not None:
        scope = scope or Scope.of_system(organization.pk, organization.slug)
        after = {"name": name, "prefix": token.prefix, "permissions": token.permissions}
        audit.record(scope, "token.create", token, after=after)
    return token, secret


@transaction.atomic
def revoke_token(scope: Scope, token: ApiToken, *, now: datetime) -> ApiToken:
    if token.revoked_at is None:
        token.revoked_at = now
        token.save(update_fields=["revoked_at"])
        audit.record(scope, "token.revoke", token)
    return token


def find_token(secret: str, *, now: datetime) -> ApiToken | None:
    """Return the usable token with this secret, or None."""
    tokens = ApiToken.objects.select_related("organization", "team")
    token = tokens.filter(digest=digest_of(secret)).first()
    if token is None or not token.is_usable(now):
        return None
    _note_use(token, now)
    return token


def believed_token(secret: str, *, now: datetime) -> ApiToken | None:
    """Return the same as `find_token`, known for seconds: for what is asked often.

    A token that was revoked in another process is believed so long; it is shared
    between requests, and not to be changed.
    """
    key = digest_of(secret)
    token = _believed.get(key)
    if token is None:
        try:
            token = _believed.look_up(key, lambda: _found(secret, now))
        except _UnknownTokenError:
            return None
    if not token.is_usable(now):
        return None
    _note_use(token, now)
    return token


def forget_token(token: ApiToken) -> None:
    """Ask the database when it is presented next."""
    _believed.forget(token.digest)


class _UnknownTokenError(LookupError):
    """It may exist a moment later: it is not kept that it does not."""


def _found(secret: str, now: datetime) -> ApiToken:
    token = find_token(secret, now=now)
    if token is None:
        raise _UnknownTokenError
    return token


def _note_use(token: ApiToken, now: datetime) -> None:
    if token.last_used_at is None or now - token.last_used_at > USED_RESOLUTION:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
        token.last_used_at = now


def scope_of_token(
    token: ApiToken, *, requested_slug: str | None, ip: str | None = None
) -> Scope:
    """Return what the token may do, in the organization it is for.

    Raises NoOrganizationError and UnknownOrganizationError.
    """
    organization = token.organization
    if organization is None:
        organization = _requested_organization(requested_slug)
    elif requested_slug and requested_slug != organization.slug:
        raise UnknownOrganizationError(requested_slug)

    permissions = frozenset(map(Permission, token.permissions))
    return Scope(
        organization_id=organization.pk,
        organization_slug=organization.slug,
        actor=Actor(ActorKind.TOKEN, token.pk, str(token), ip),
        role=_role_of(token, permissions),
        permissions=permissions,
        team_roles=_team_roles_of(token, permissions),
    )


def _requested_organization(slug: str | None) -> Organization:
    if not slug:
        raise NoOrganizationError
    organization = Organization.objects.filter(slug=slug).first()
    if organization is None:
        raise UnknownOrganizationError(slug)
    return organization


def _role_of(token: ApiToken, permissions: frozenset[Permission]) -> Role:
    """A token without a team stands for the whole organization."""
    if token.team_id is not None:
        return Role.MEMBER
    return Role.OWNER if Permission.ADMIN in permissions else Role.ADMIN


def _team_roles_of(
    token: ApiToken, permissions: frozenset[Permission]
) -> dict[int, TeamRole]:
    if token.team_id is None:
        return {}
    writes = permissions & {Permission.WRITE, Permission.ADMIN}
    return {token.team_id: TeamRole.MAINTAINER if writes else TeamRole.VIEWER}
