"""What people do with alerts: acknowledge, assign, comment, resolve."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import Membership, User
from accounts.scope import Scope
from accounts.services import audit
from alerts.models import Alert, Rule, Transition
from alerts.services import notifications, windows
from alerts.services.access import require_responder
from alerts.services.presentation import publish_after_commit

MAX_NOTE = 2000


class AlertConflictError(Exception):
    """The alert is no longer in a state in which this can be done to it."""


class UnknownAssigneeError(ValueError):
    """The person is no member of the organization, or may not see the alert."""


@transaction.atomic
def acknowledge(scope: Scope, alert: Alert, *, now: datetime, note: str = "") -> Alert:
    """Say that somebody is at it; the second time nothing happens.

    Raises PermissionDenied, and AlertConflictError for an alert that is not open.
    """
    require_responder(scope, alert.team_id)
    changed = (
        Alert.objects.visible_to(scope)
        .filter(pk=alert.pk, status=Alert.Status.FIRING)
        .update(
            status=Alert.Status.ACKNOWLEDGED,
            acknowledged_at=now,
            acknowledged_by=scope.actor.name,
            updated_at=now,
        )
    )
    before, alert = alert, _fresh(scope, alert.pk)
    if not changed:
        if alert.status == Alert.Status.ACKNOWLEDGED:
            return alert
        raise AlertConflictError(f"The alert is {alert.status}: only firing ones wait.")
    kind = Transition.Kind.ACKNOWLEDGE
    _record(scope, alert, kind, "firing", now=now, note=note, before=_state(before))
    return alert


@transaction.atomic
def unacknowledge(
    scope: Scope, alert: Alert, *, now: datetime, note: str = ""
) -> Alert:
    """Take an acknowledgement back: the alert waits for someone again.

    Raises PermissionDenied, and AlertConflictError for one that is not acknowledged.
    """
    require_responder(scope, alert.team_id)
    changed = (
        Alert.objects.visible_to(scope)
        .filter(pk=alert.pk, status=Alert.Status.ACKNOWLEDGED)
        .update(
            status=Alert.Status.FIRING,
            acknowledged_at=None,
            acknowledged_by="",
            updated_at=now,
        )
    )
    before, alert = alert, _fresh(scope, alert.pk)
    if not changed:
        raise AlertConflictError(f"The alert is {alert.status}, not acknowledged.")
    kind = Transition.Kind.UNACKNOWLEDGE
    _record(
        scope, alert, kind, "acknowledged", now=now, note=note, before=_state(before)
    )
    return alert


@transaction.atomic
def resolve(scope: Scope, alert: Alert, *, now: datetime, note: str = "") -> Alert:
    """End an alert by hand. It comes back, as a new one, only when its condition does:
    after that has ended once, or with a worse level; a pattern's count begins anew.

    Raises PermissionDenied, and AlertConflictError for one that is over already.
    """
    require_responder(scope, alert.team_id)
    if alert.rule is not None and alert.rule.kind == Rule.Kind.PATTERN:
        windows.lock(scope.organization_id)
        windows.forget(alert.rule.pk, alert.fingerprint)
    open_ = Alert.objects.visible_to(scope).open().told()
    changed = open_.filter(pk=alert.pk).update(
        status=Alert.Status.RESOLVED,
        resolved_at=now,
        resolved_by=scope.actor.name,
        resolution=note[:MAX_NOTE],
        awaits_recovery=alert.rule is not None
        and alert.rule.kind == Rule.Kind.THRESHOLD,
        updated_at=now,
    )
    before, alert = alert, _fresh(scope, alert.pk)
    if not changed:
        raise AlertConflictError(f"The alert is {alert.status}: nothing to resolve.")
    transition = _record(
        scope,
        alert,
        Transition.Kind.RESOLVE,
        before.status,
        now=now,
        note=note,
        before=_state(before),
    )
    notifications.enqueue([transition], now=now)
    return alert


@transaction.atomic
def assign(
    scope: Scope, alert: Alert, assignee: User | None, *, now: datetime, note: str = ""
) -> Alert:
    """Say who has it, or with None that nobody does.

    Raises PermissionDenied, UnknownAssigneeError, and AlertConflictError for an alert
    that is over.
    """
    require_responder(scope, alert.team_id)
    if assignee is not None:
        _check_assignee(scope, alert, assignee)
    open_ = Alert.objects.visible_to(scope).open()
    changed = open_.filter(pk=alert.pk).update(assignee=assignee, updated_at=now)
    before, alert = alert, _fresh(scope, alert.pk)
    if not changed:
        raise AlertConflictError("The alert is resolved already.")
    if before.assignee_id == alert.assignee_id:
        return alert
    reason = f"assigned to {assignee}" if assignee else "assigned to nobody"
    _record(
        scope,
        alert,
        Transition.Kind.ASSIGN,
        alert.status,
        now=now,
        note=note,
        reason=reason,
        before=_state(before),
    )
    return alert


@transaction.atomic
def comment(scope: Scope, alert: Alert, *, now: datetime, note: str) -> Alert:
    """Add a remark to the timeline, also after the end. Raises PermissionDenied."""
    require_responder(scope, alert.team_id)
    alert = _fresh(scope, alert.pk)
    kind = Transition.Kind.COMMENT
    _record(scope, alert, kind, alert.status, now=now, note=note)
    return alert


def find_member(scope: Scope, wanted: int | str) -> User:
    """Return the member of that id or e-mail address. Raises UnknownAssigneeError."""
    members = Membership.objects.filter(
        organization_id=scope.organization_id, user__is_active=True
    ).select_related("user")
    if isinstance(wanted, int):
        found = members.filter(user_id=wanted).first()
    else:
        found = members.filter(user__email__iexact=wanted).first()
    if found is None:
        raise UnknownAssigneeError(f"“{wanted}” is no member of this organization.")
    return found.user


def _check_assignee(scope: Scope, alert: Alert, user: User) -> None:
    membership = Membership.objects.filter(
        organization_id=scope.organization_id, user=user, user__is_active=True
    ).first()
    if membership is None or not membership.scope().sees_team(alert.team_id):
        raise UnknownAssigneeError(f"{user} is not in a team that sees this alert.")


def _fresh(scope: Scope, pk: int) -> Alert:
    related = ("organization", "team", "rule", "assignee")
    return Alert.objects.visible_to(scope).select_related(*related).get(pk=pk)


def _state(alert: Alert) -> dict[str, Any]:
    return {
        "status": alert.status,
        "assignee": str(alert.assignee) if alert.assignee else None,
    }


_REASONS = {
    Transition.Kind.ACKNOWLEDGE: "acknowledged",
    Transition.Kind.UNACKNOWLEDGE: "acknowledgement taken back",
    Transition.Kind.RESOLVE: "resolved by hand",
    Transition.Kind.COMMENT: "comment",
}


def _record(
    scope: Scope,
    alert: Alert,
    kind: Transition.Kind,
    from_status: str,
    *,
    now: datetime,
    note: str = "",
    reason: str = "",
    before: Mapping[str, Any] | None = None,
) -> Transition:
    """Write the act into timeline and audit log, and show it live after the commit."""
    transition = Transition.unscoped.create(
        organization_id=alert.organization_id,
        alert=alert,
        kind=kind,
        at=now,
        from_status=from_status,
        to_status=alert.status,
        from_severity=alert.severity,
        to_severity=alert.severity,
        value=alert.value,
        reason=reason or _REASONS[kind],
        actor_name=scope.actor.name,
        note=note[:MAX_NOTE],
    )
    after = _state(alert) | ({"note": note[:MAX_NOTE]} if note else {})
    audit.record(scope, f"alert.{kind}", alert, before=before, after=after)
    publish_after_commit([alert])
    return transition
