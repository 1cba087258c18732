"""Writing down what an evaluation decided: alerts, transitions and the outbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from django.conf import settings

from accounts.models import Team
from alerts.evaluation import Change, ChangeKind, Status
from alerts.evaluation.reasons import format_value
from alerts.evaluation.templates import Query, render_all
from alerts.models import Alert, Rule, Transition
from alerts.services import notifications
from alerts.services.presentation import publish_after_commit
from alerts.services.specs import states_json
from monitoring.promql.numbers import general

_UPDATED_FIELDS = [
    "status",
    "severity",
    "value",
    "level_states",
    "annotations",
    "fired_at",
    "acknowledged_at",
    "acknowledged_by",
    "resolved_at",
    "resolved_by",
    "awaits_recovery",
    "updated_at",
]
_TOLD = {ChangeKind.FIRED, ChangeKind.WORSENED, ChangeKind.RESOLVED}


_Texts = Callable[..., dict[str, str]]


@dataclass(slots=True)
class _Writing:
    texts: _Texts
    created: list[Alert] = field(default_factory=list)
    updated: list[Alert] = field(default_factory=list)
    dropped: list[Alert] = field(default_factory=list)
    transitions: list[Transition] = field(default_factory=list)
    told: list[Transition] = field(default_factory=list)
    shown: list[Alert] = field(default_factory=list)


def apply_changes(
    rule: Rule,
    changes: Sequence[Change],
    known: Mapping[int, Alert],
    *,
    now: datetime,
    teams: Mapping[int, int | None] | None = None,
    query: Query | None = None,
) -> list[Alert]:
    """Write the changes in the caller's transaction; show and nudge after its commit.

    `known` has the remembered alerts by fingerprint; `teams` the team of new ones
    where it is not the rule's; `query` answers what templates ask. Returns the new
    alerts.
    """
    writing = _Writing(_texts_of(rule, query))
    for change in changes:
        alert = known.get(change.fingerprint)
        team_id = (teams or {}).get(change.fingerprint, rule.team_id)
        _note(writing, rule, change, alert, team_id=team_id, now=now)
    _save(writing)
    notifications.enqueue(writing.told, now=now)
    publish_after_commit(writing.shown)
    return writing.created


def _texts_of(rule: Rule, query: Query | None) -> _Texts:
    """Prometheus's rules write numbers as Go does, ours as people do."""
    as_go = rule.kind == Rule.Kind.ALERTING
    return partial(
        render_all,
        number=general if as_go else format_value,
        query=query,
        external_url=settings.SITE_ROOT,
    )


def _note(
    writing: _Writing,
    rule: Rule,
    change: Change,
    alert: Alert | None,
    *,
    team_id: int | None,
    now: datetime,
) -> None:
    if alert is not None and alert.status == Status.RESOLVED:
        _note_held_back(writing, change, alert)
        if change.kind is not ChangeKind.FIRED:
            return
        alert = None
    elif change.kind is ChangeKind.DROPPED and alert is not None:
        alert.status = Alert.Status.RESOLVED
        alert.resolved_at = now
        writing.dropped.append(alert)
        writing.shown.append(alert)
        return
    is_new = alert is None
    texts = writing.texts
    alert = alert or _new_alert(rule, change, texts, team_id=team_id, now=now)
    transition = _advance(alert, rule, change, texts, is_new=is_new, now=now)
    (writing.created if is_new else writing.updated).append(alert)
    if change.kind.is_visible:
        writing.shown.append(alert)
        writing.transitions.append(transition)
    if change.kind in _TOLD:
        writing.told.append(transition)


def _note_held_back(writing: _Writing, change: Change, alert: Alert) -> None:
    """Keep the memory of an alert that was resolved by hand, or let it go."""
    alert.awaits_recovery = change.kind is ChangeKind.UPDATED
    alert.level_states = states_json(change.after)
    writing.updated.append(alert)


def _new_alert(
    rule: Rule,
    change: Change,
    texts: _Texts,
    *,
    team_id: int | None,
    now: datetime,
) -> Alert:
    labels = dict(change.after.labels)
    return Alert(
        organization=rule.organization,
        team_id=team_id,
        rule=rule,
        name=rule.name,
        fingerprint=change.fingerprint,
        labels=labels | texts(rule.labels, labels=labels, value=change.after.value),
        severity=change.after.severity,
        status="",
        started_at=change.after.since or now,
    )


def _advance(
    alert: Alert,
    rule: Rule,
    change: Change,
    texts: _Texts,
    *,
    is_new: bool,
    now: datetime,
) -> Transition:
    """Move the alert to its new state; return the transition that says so."""
    after = change.after
    transition = Transition(
        organization_id=alert.organization_id,
        alert=alert,
        at=now,
        from_status=alert.status,
        to_status=after.status,
        from_severity="" if is_new else alert.severity,
        to_severity=after.severity,
        value=after.value,
        reason=change.reason[:500],
    )
    alert.status, alert.severity = after.status, after.severity
    alert.value = alert.value if after.value is None else after.value
    alert.level_states = states_json(after)
    alert.updated_at = now
    if _retells(rule, change):
        own = {"alertname": rule.name, "severity": after.severity}
        labels = own | alert.labels
        alert.annotations = texts(rule.annotations, labels=labels, value=after.value)
    if change.kind is ChangeKind.FIRED:
        alert.fired_at = now
    if change.kind is ChangeKind.WORSENED:
        alert.acknowledged_at, alert.acknowledged_by = None, ""
    if change.kind is ChangeKind.RESOLVED:
        alert.resolved_at, alert.resolved_by = now, "system"
    return transition


def _retells(rule: Rule, change: Change) -> bool:
    """Whether the annotations are written anew: in Prometheus always, else once."""
    if change.kind in {ChangeKind.FIRED, ChangeKind.WORSENED, ChangeKind.OPENED}:
        return True
    is_prometheus = rule.kind == Rule.Kind.ALERTING
    return is_prometheus and change.kind is ChangeKind.UPDATED


def _save(writing: _Writing) -> None:
    teams = Team.unscoped.in_bulk(
        {a.team_id for a in writing.created if a.team_id is not None}
    )
    for alert in writing.created:
        alert.team = teams.get(alert.team_id) if alert.team_id else None
    Alert.unscoped.bulk_create(writing.created)
    Alert.unscoped.bulk_update(writing.updated, _UPDATED_FIELDS, batch_size=500)
    # A pending alert that came to nothing has told nobody: there is nothing to keep.
    Alert.unscoped.filter(pk__in=[alert.pk for alert in writing.dropped]).delete()
    for transition in writing.transitions:
        transition.alert = transition.alert  # Its id is known only now.
    Transition.unscoped.bulk_create(writing.transitions)
