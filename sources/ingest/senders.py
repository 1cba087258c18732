"""Who sends, and to which source: looked up once in a while, not once a request."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from accounts.models import ApiToken
from accounts.scope import Permission, Scope
from accounts.services.tokens import (
    NoOrganizationError,
    UnknownOrganizationError,
    find_token,
    scope_of_token,
)
from monitoring.services.policy import METRICS, longest_kept
from sources.ingest.refusals import RefusedError, unauthenticated
from sources.services.bindings import (
    Binding,
    UnknownSourceError,
    UnusableSourceError,
    binding_to_api,
    binding_to_source,
)


@dataclass(frozen=True, slots=True)
class Sender:
    """A token that may send to one organization, and how old its samples may be."""

    scope: Scope
    team_id: int | None
    keeps_samples_for: timedelta = timedelta(0)


def key_of(secret: str, slug: str | None) -> object:
    """The secret itself is not kept in memory longer than its request."""
    return hashlib.sha256(secret.encode()).digest(), slug


def find_sender(secret: str, slug: str | None) -> Sender:
    """Raises RefusedError."""
    token = find_token(secret, now=timezone.now())
    if token is None:
        raise unauthenticated("The token is unknown, expired or revoked.")
    scope = _scope(token, slug)
    if not scope.may(Permission.INGEST):
        raise RefusedError(
            403, "permission_denied", "The token lacks the permission “ingest”."
        )
    kept = longest_kept(scope.organization_id, METRICS)
    return Sender(scope, token.team_id, kept)


def _scope(token: ApiToken, slug: str | None) -> Scope:
    try:
        return scope_of_token(token, requested_slug=slug)
    except NoOrganizationError:
        raise RefusedError(
            400,
            "organization_required",
            "The token is platform-wide: say which organization is meant in the "
            "header X-Scope-OrgID.",
        ) from None
    except UnknownOrganizationError:
        raise RefusedError(404, "not_found", "There is no such organization.") from None


def find_binding(sender: Sender, source: str | None) -> Binding:
    """Raises RefusedError."""
    if source is None:
        return binding_to_api(sender.team_id)
    try:
        return binding_to_source(sender.scope, source)
    except UnknownSourceError as error:
        raise RefusedError(404, "source_not_found", str(error)) from None
    except UnusableSourceError as error:
        raise RefusedError(409, "source_unusable", str(error)) from None
