"""Tokens and sessions for the REST API; both end in a scope."""

from __future__ import annotations

from django.utils import timezone
from rest_framework import authentication, exceptions
from rest_framework.request import Request
from typing_extensions import override

from accounts.http import client_ip
from accounts.models import ApiToken, User
from accounts.scope import Scope
from accounts.services.scopes import (
    AmbiguousOrganizationError,
    NoMembershipError,
    scope_of_user,
)
from accounts.services.tokens import (
    NoOrganizationError,
    UnknownOrganizationError,
    believed_token,
    scope_of_token,
)

ORGANIZATION_HEADER = "X-Scope-OrgID"


class TokenUser:
    """Stands for the program behind a token where DRF wants a user."""

    is_authenticated = True
    is_anonymous = False
    is_active = True
    pk = None

    def __init__(self, token: ApiToken) -> None:
        self.token = token


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer TOKEN`."""

    @override
    def authenticate(self, request: Request) -> tuple[TokenUser, ApiToken] | None:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        return self.of_secret(secret.strip())

    def of_secret(self, secret: str) -> tuple[TokenUser, ApiToken]:
        """Raises AuthenticationFailed."""
        token = believed_token(secret, now=timezone.now())
        if token is None:
            raise exceptions.AuthenticationFailed(
                "The token is unknown, expired or revoked."
            )
        return TokenUser(token), token

    @override
    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class SessionAuthentication(authentication.SessionAuthentication):
    """The dashboard's own session, with its CSRF check."""


def scope_of_request(request: Request) -> Scope:
    """Return the scope of an authenticated API request.

    Raises NotFound for an organization that the actor has no part in.
    """
    slug = request.headers.get(ORGANIZATION_HEADER)
    ip = client_ip(request._request)  # noqa: SLF001 - DRF wraps Django's request
    try:
        if isinstance(request.auth, ApiToken):
            return scope_of_token(request.auth, requested_slug=slug, ip=ip)
        if isinstance(request.user, User):
            return scope_of_user(request.user, slug, ip=ip)
    except (NoOrganizationError, AmbiguousOrganizationError):
        raise exceptions.ValidationError(
            f"Say which organization is meant in the header {ORGANIZATION_HEADER}."
        ) from None
    except (UnknownOrganizationError, NoMembershipError):
        raise exceptions.NotFound("There is no such organization.") from None
    raise exceptions.NotAuthenticated
