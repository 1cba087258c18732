"""Alerting rules of groups: the one evaluator, and the series that tell of alerts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from accounts.scope import Scope
from alerts.evaluation import evaluate
from alerts.evaluation.templates import Sample, TemplateError
from alerts.models import Alert, Rule
from alerts.services.changes import apply_changes
from alerts.services.group_recording import Reads, RuleFailedError, check_limit
from alerts.services.memories import system_scope
from alerts.services.observations import FAILURES, QueryError, observations_of
from alerts.services.rules import end_alerts
from alerts.services.specs import memory_of, spec_of
from monitoring.labels import METRIC_NAME, Labels, make_labels

ALERTS, ALERTS_FOR_STATE = "ALERTS", "ALERTS_FOR_STATE"

# A rule that finds more is a mistake, and a storm of alerts.
MAX_ALERTS = 5000

_FIRING = {Alert.Status.FIRING, Alert.Status.ACKNOWLEDGED}


def evaluate_alerting(
    rule: Rule,
    limit: int,
    reads: Reads,
    known: Mapping[int, Alert],
    *,
    now: datetime,
) -> dict[Labels, float]:
    """Evaluate the rule; return the samples of ALERTS and ALERTS_FOR_STATE.

    Raises RuleFailedError and what queries do.
    """
    try:
        seen = observations_of(reads.instant(rule.query))
    except QueryError as error:
        raise RuleFailedError(str(error)) from None
    scope = system_scope(rule)
    try:
        check_limit(len(seen), limit or MAX_ALERTS, "alerts")
    except RuleFailedError:
        _clear(scope, rule, known, now=now)
        raise
    memory = {key: memory_of(alert) for key, alert in known.items()}
    changes = evaluate(spec_of(rule), seen, memory, now)
    created: list[Alert] = []
    if changes:
        created = apply_changes(
            rule, changes, known, now=now, query=lambda text: _ask(reads, text)
        )
    return _synthetic([*known.values(), *created])


def _clear(
    scope: Scope, rule: Rule, known: Mapping[int, Alert], *, now: datetime
) -> None:
    if known:
        end_alerts(scope, rule, "the rule found more than its limit", now=now)


def _synthetic(alerts: Iterable[Alert]) -> dict[Labels, float]:
    """Return the series that dashboards and other rules see alerts by."""
    samples: dict[Labels, float] = {}
    for alert in alerts:
        if alert.status == Alert.Status.RESOLVED:
            continue
        state = "firing" if alert.status in _FIRING else "pending"
        labels = {**alert.labels, "alertname": alert.name}
        of_state = {**labels, METRIC_NAME: ALERTS, "alertstate": state}
        samples[make_labels(of_state)] = 1.0
        since = make_labels({**labels, METRIC_NAME: ALERTS_FOR_STATE})
        samples[since] = float(int(alert.started_at.timestamp()))
    return samples


def _ask(reads: Reads, text: str) -> list[Sample]:
    """Answer a template's query. Raises TemplateError."""
    try:
        result = reads.instant(text)
    except FAILURES as error:
        raise TemplateError(str(error)) from None
    column = result.values[:, 0].tolist() if result.labels else []
    return [
        Sample(value, dict(labels))
        for labels, value in zip(result.labels, column, strict=True)
    ]
