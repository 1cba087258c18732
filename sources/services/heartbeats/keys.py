"""The ping key of an organization: its heartbeats' addresses by slug begin with it."""

from __future__ import annotations

import hashlib
import secrets as random

from django.db import transaction

from accounts.scope import Scope, TeamRole
from accounts.services import audit
from accounts.services.secrets import decrypt, encrypt
from sources.models import PingKey
from sources.services.access import require_team_role


def digest_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def ping_key(scope: Scope) -> str:
    """Return the organization's key, empty when there is none yet.

    For those who may change what belongs to the whole organization. Raises
    PermissionRefusedError.
    """
    require_team_role(scope, None, TeamRole.MAINTAINER)
    found = PingKey.objects.visible_to(scope).first()
    return decrypt(found.encrypted) if found else ""


@transaction.atomic
def renew_ping_key(scope: Scope) -> str:
    """Make a new key and return it; addresses with the old one are no more.

    Raises PermissionRefusedError.
    """
    require_team_role(scope, None, TeamRole.MAINTAINER)
    key = random.token_urlsafe(16)
    made, _ = PingKey.unscoped.update_or_create(
        organization_id=scope.organization_id,
        defaults={"digest": digest_of(key), "encrypted": encrypt(key)},
    )
    audit.record(scope, "ping_key.renew", made)
    return key
