"""What is done in the admin is audited like everything else."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.http import HttpRequest

from accounts.http import client_ip
from accounts.models import Organization
from accounts.scope import ALL_PERMISSIONS, Actor, ActorKind, Role, Scope
from accounts.services import audit


def admin_scope(request: HttpRequest, organization: Organization) -> Scope:
    """Return the scope of an administrator's work in one organization."""
    user = request.user
    actor = Actor(ActorKind.USER, user.pk, str(user), client_ip(request))
    return Scope(organization.pk, organization.slug, actor, Role.OWNER, ALL_PERMISSIONS)


SECRET_FIELDS = frozenset({"password", "secret", "digest", "payload"})


def snapshot(obj: models.Model) -> dict[str, Any]:
    """Return an object's fields for the audit log, without its secrets."""
    return {
        field.attname: field.value_from_object(obj)
        for field in obj._meta.concrete_fields  # noqa: SLF001 - Model._meta API
        if field.name not in SECRET_FIELDS
    }


def record_rows(request: HttpRequest, thing: models.Model, formset: Any) -> None:
    """Save a thing's rows, and record each that was made, changed or deleted."""
    before = _rows_of(thing, formset)
    formset.save()
    after = _rows_of(thing, formset)
    rows = before | after
    for pk in rows:
        old, new = before.get(pk), after.get(pk)
        told_before, told_after = (row and snapshot(row) for row in (old, new))
        if told_before == told_after:
            continue
        verb = "update" if old and new else "create" if new else "delete"
        row = rows[pk]
        scope = admin_scope(request, organization_of(row))
        action = f"{row._meta.model_name}.{verb}"  # noqa: SLF001 - Model._meta API
        audit.record(scope, action, row, before=told_before, after=told_after)


def _rows_of(thing: models.Model, formset: Any) -> dict[int, Any]:
    rows = formset.model._base_manager.filter(**{formset.fk.name: thing})  # noqa: SLF001 - the unscoped manager, by Django's name
    return {row.pk: row for row in rows}


def organization_of(row: Any) -> Organization:
    organization: Organization = (
        row.organization if hasattr(row, "organization") else row.team.organization
    )
    return organization
