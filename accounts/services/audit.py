"""The audit log: a hash chain for each organization, written with the change itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
from django.db import connection, models, transaction
from django.utils import timezone

from accounts.models import AuditEntry
from accounts.scope import Scope

GENESIS = "0" * 64
_LOCK_CLASS = 0x41554449  # "AUDI": advisory locks of one writer for each chain


def record(
    scope: Scope,
    action: str,
    obj: models.Model,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Append an entry; call it inside the transaction of the change.

    Writers of one organization wait for each other until their commits, so that
    the chain has no fork.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError(
            "audit.record() wants a transaction"
        )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_CLASS, scope.organization_id]
        )
    entries = AuditEntry.unscoped.filter(organization_id=scope.organization_id)
    last = entries.order_by("-sequence").first()
    entry = AuditEntry(
        organization_id=scope.organization_id,
        sequence=last.sequence + 1 if last else 1,
        at=timezone.now(),
        actor_kind=scope.actor.kind,
        actor_id=scope.actor.id,
        actor_name=scope.actor.name,
        ip=scope.actor.ip,
        action=action,
        object_type=obj._meta.label_lower,  # noqa: SLF001 - Django's documented Model._meta API
        object_id=str(obj.pk),
        object_name=str(obj)[:254],
        before=_plain(before),
        after=_plain(after),
        previous_hash=last.hash if last else GENESIS,
    )
    entry.hash = hash_of(entry)
    entry.save()
    return entry


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what was changed, before and after: what an entry says of a change."""
    changed = [k for k in {**before, **after} if before.get(k) != after.get(k)]
    old = {name: before.get(name) for name in changed}
    return old, {name: after.get(name) for name in changed}


def hash_of(entry: AuditEntry) -> str:
    """Return the SHA-256 of everything the entry says and of the entry before it."""
    content = [
        entry.organization_id,
        entry.sequence,
        entry.at.isoformat(),
        str(entry.actor_kind),
        entry.actor_id,
        entry.actor_name,
        entry.ip,
        entry.action,
        entry.object_type,
        entry.object_id,
        entry.object_name,
        entry.before,
        entry.after,
        entry.previous_hash,
    ]
    return hashlib.sha256(
        orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    ).hexdigest()


def first_break(organization_id: int) -> AuditEntry | None:
    """Return the first entry that does not fit its chain, or None when all is well."""
    previous_hash, expected = GENESIS, 1
    entries = AuditEntry.unscoped.filter(organization_id=organization_id)
    for entry in entries.order_by("sequence").iterator():
        fits = entry.sequence == expected and entry.previous_hash == previous_hash
        if not fits or entry.hash != hash_of(entry):
            return entry
        previous_hash, expected = entry.hash, expected + 1
    return None


def _plain(state: Mapping[str, Any] | None) -> Any:
    """Return what PostgreSQL's jsonb will give back, so that the hash holds."""
    if state is None:
        return None
    return orjson.loads(orjson.dumps(dict(state), default=str))
