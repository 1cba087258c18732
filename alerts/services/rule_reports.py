"""Rule groups and alerts in the shapes of Prometheus's API."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.scope import Scope
from alerts.models import Alert, Rule, RuleGroup
from alerts.services.group_rows import grouped_rule
from alerts.services.rule_groups import visible_groups
from monitoring.labels import Matcher, matches_all
from monitoring.moments import iso
from monitoring.promql.numbers import exponential

# What Go writes for no time at all.
NEVER = "0001-01-01T00:00:00Z"

_FIRING = {Alert.Status.FIRING, Alert.Status.ACKNOWLEDGED}


@dataclass(frozen=True, slots=True)
class RuleFilter:
    """What is wanted of all rules; nothing named means everything."""

    kind: str = ""
    names: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    selectors: tuple[tuple[Matcher, ...], ...] = ()
    with_alerts: bool = True

    @property
    def narrows_rules(self) -> bool:
        return bool(self.kind or self.names or self.selectors)

    def takes(self, rule: Rule, labels: Mapping[str, str]) -> bool:
        if self.kind and rule.kind != self.kind:
            return False
        if self.names and rule.name not in self.names:
            return False
        selectors = self.selectors
        return not selectors or any(matches_all(each, labels) for each in selectors)


class UnknownTokenError(ValueError):
    """The page's group is no more."""


def rule_groups(
    scope: Scope, wanted: RuleFilter, *, limit: int = 0, token: str = ""
) -> dict[str, Any]:
    """Return the groups and, where there are more than `limit`, the next page's token.

    Raises UnknownTokenError.
    """
    groups = list(_selected(scope, wanted))
    start = _place_of(groups, token) if token else 0
    page = groups[start : start + limit] if limit else groups[start:]
    alerts = _open_alerts(scope, page) if wanted.with_alerts else {}
    shown = [_group(group, wanted, alerts) for group in page]
    data: dict[str, Any] = {
        "groups": [g for g in shown if g["rules"] or not wanted.narrows_rules]
    }
    if limit and start + limit < len(groups):
        data["groupNextToken"] = _token_of(groups[start + limit])
    return data


def active_alerts(scope: Scope) -> list[dict[str, Any]]:
    """Return all pending and firing alerts, whatever kind of rule they are of."""
    alerts = Alert.objects.visible_to(scope).open().order_by("pk")
    return [_alert(alert) for alert in alerts]


def _selected(scope: Scope, wanted: RuleFilter) -> Iterable[RuleGroup]:
    # Loki mounts its own at the very address of Prometheus's: both are told there.
    groups = visible_groups(scope)
    if wanted.groups:
        groups = groups.filter(name__in=wanted.groups)
    if wanted.files:
        groups = groups.filter(namespace__in=wanted.files)
    return groups.order_by("namespace", "name", "language")


def _token_of(group: RuleGroup) -> str:
    key = f"{group.namespace}\0{group.name}\0{group.language}"
    return hashlib.blake2b(key.encode(), digest_size=20).hexdigest()


def _place_of(groups: Sequence[RuleGroup], token: str) -> int:
    for place, group in enumerate(groups):
        if _token_of(group) == token:
            return place
    raise UnknownTokenError(token)


def _open_alerts(
    scope: Scope, groups: Sequence[RuleGroup]
) -> dict[int, list[dict[str, Any]]]:
    alerts = Alert.objects.visible_to(scope).open().filter(rule__group__in=groups)
    found: dict[int, list[dict[str, Any]]] = {}
    for alert in alerts.order_by("pk"):
        found.setdefault(alert.rule_id or 0, []).append(_alert(alert))
    return found


def _group(
    group: RuleGroup, wanted: RuleFilter, alerts: Mapping[int, list[dict[str, Any]]]
) -> dict[str, Any]:
    state = group.state
    rules = []
    for rule in group.rules.all():
        labels = {**group.labels, **rule.labels}
        if wanted.takes(rule, labels):
            rules.append(_rule(rule, labels, alerts.get(rule.pk, []), wanted))
    return {
        "name": group.name,
        "file": group.namespace,
        "rules": rules,
        "interval": group.interval_seconds,
        "limit": group.limit,
        "evaluationTime": (state.duration_ms or 0) / 1000,
        "lastEvaluation": _time(state.evaluated_at),
    }


def _rule(
    rule: Rule,
    labels: Mapping[str, str],
    alerts: list[dict[str, Any]],
    wanted: RuleFilter,
) -> dict[str, Any]:
    state = rule.state
    common = {
        "name": rule.name,
        "query": rule.query,
        "labels": labels,
        "health": "err" if state.error else "ok" if state.evaluated_at else "unknown",
        **({"lastError": state.error} if state.error else {}),
        "evaluationTime": (state.duration_ms or 0) / 1000,
        "lastEvaluation": _time(state.evaluated_at),
        "type": rule.kind,
    }
    if rule.kind == Rule.Kind.RECORDING:
        return common
    draft = grouped_rule(rule)
    own = {
        "state": _state(alerts, evaluated=state.evaluated_at is not None),
        "duration": draft.hold.total_seconds(),
        "keepFiringFor": draft.keep_firing.total_seconds(),
        "annotations": rule.annotations,
    }
    return own | ({"alerts": alerts} if wanted.with_alerts else {}) | common


def _state(alerts: Iterable[Mapping[str, Any]], *, evaluated: bool) -> str:
    states = {alert["state"] for alert in alerts}
    for word in ("firing", "pending"):
        if word in states:
            return word
    return "inactive" if evaluated else "unknown"


def _alert(alert: Alert) -> dict[str, Any]:
    missing = [s["missing_since"] for s in alert.level_states if "missing_since" in s]
    value = math.nan if alert.value is None else alert.value
    return {
        "labels": {"severity": alert.severity, **alert.labels, "alertname": alert.name},
        "annotations": alert.annotations,
        "state": "firing" if alert.status in _FIRING else "pending",
        "activeAt": _time(alert.started_at),
        **({"keepFiringSince": min(missing)} if missing else {}),
        "value": exponential(value),
    }


def _time(moment: datetime | None) -> str:
    return iso(moment) or NEVER
