"""What has changed lately, as far as the asker may know it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.apps import apps

from accounts.models import AuditEntry, OrganizationModel
from accounts.scope import ActorKind, Scope

_READ_AHEAD = 5


def recent_changes(
    scope: Scope, *, since: datetime, actions: Iterable[str], limit: int
) -> list[AuditEntry]:
    """Return entries of the audit log, newest first.

    An entry tells the name of its object: a member who is no admin sees those of
    objects that they may see now, and what they did themselves.
    """
    entries = AuditEntry.objects.visible_to(scope).filter(
        at__gte=since, action__in=list(actions)
    )
    if scope.sees_all_teams:
        return list(entries[:limit])
    found = list(entries[: limit * _READ_AHEAD])
    visible = _visible_objects(scope, found)
    return [
        entry
        for entry in found
        if _is_own(scope, entry) or (entry.object_type, entry.object_id) in visible
    ][:limit]


def _is_own(scope: Scope, entry: AuditEntry) -> bool:
    return entry.actor_kind == ActorKind.USER and entry.actor_id == scope.actor.id


def _visible_objects(
    scope: Scope, entries: Iterable[AuditEntry]
) -> set[tuple[str, str]]:
    ids: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        ids[entry.object_type].append(entry.object_id)
    visible = set()
    for label, wanted in ids.items():
        model = apps.get_model(label)
        if issubclass(model, OrganizationModel):
            rows = model.objects.visible_to(scope).filter(pk__in=wanted)  # type: ignore[attr-defined]  # every leaf declares it
            visible |= {(label, str(pk)) for pk in rows.values_list("pk", flat=True)}
    return visible
