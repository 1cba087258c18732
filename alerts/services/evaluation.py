"""Evaluating rules: load, call the pure evaluator, write down, advance the clock."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from django.db import DatabaseError, connection, transaction

from alerts.evaluation import evaluate
from alerts.models import Rule, RuleState
from alerts.services import windows
from alerts.services.changes import apply_changes
from alerts.services.memories import reading_scope, remembered_alerts, system_scope
from alerts.services.observations import QueryError, observe
from alerts.services.pattern_rules import evaluate_open
from alerts.services.specs import memory_of, spec_of

# A rule that finds more is a mistake, and a storm of alerts.
MAX_OBSERVATIONS = 5000


class TooManyObservationsError(Exception):
    """The query answers so many series that nobody could look at their alerts."""


def organizations_due(now: datetime) -> list[int]:
    """Return the organizations that have a rule to evaluate now."""
    due = RuleState.objects.filter(
        due_at__lte=now, rule__enabled=True, rule__group__isnull=True
    )
    ids = due.order_by().values_list("rule__organization_id", flat=True)
    return list(ids.distinct())


def evaluate_due_rules(organization_id: int, *, now: datetime) -> int:
    """Evaluate what is due in one organization; return how many rules that were."""
    _pass_over_quiet_patterns(organization_id, now=now)
    due = RuleState.objects.filter(
        due_at__lte=now,
        rule__enabled=True,
        rule__group__isnull=True,
        rule__organization_id=organization_id,
    )
    # Thresholds first: pattern rules may have to wait for drains to commit.
    ordered = due.order_by("-rule__kind", "due_at", "pk")
    rules = list(ordered.values_list("pk", flat=True))
    return sum(evaluate_rule(rule_id, now=now) for rule_id in rules)


def evaluate_rule(rule_id: int, *, now: datetime) -> bool:
    """Evaluate one rule that is due, unless another worker does it already.

    When its query fails, its alerts stay as they are and its state says why.
    """
    started = time.monotonic()
    try:
        with transaction.atomic():
            state = _claim(rule_id, now=now)
            if state is None:
                return False
            _evaluate(state.rule, now=now)
            _advance_clock(state, "", now=now, started=started)
    except (QueryError, TooManyObservationsError, DatabaseError) as error:
        state = RuleState.objects.select_related("rule").filter(pk=rule_id).first()
        if state is not None:
            _advance_clock(state, str(error), now=now, started=started)
    return True


def next_due(due_at: datetime, interval: timedelta, *, now: datetime) -> datetime:
    """Return the first moment after `now` on the grid that `due_at` stands on.

    Late evaluations do not shift those to come, and missed ones are not made up for.
    """
    missed = max(0, (now - due_at) // interval)
    return due_at + (missed + 1) * interval


_ADVANCE_QUIET = """
UPDATE alerts_rulestate state
SET evaluated_at = %(now)s, duration_ms = 0, error = '',
    due_at = due_at + make_interval(secs => rule.interval_seconds
        * (floor(extract(epoch FROM %(now)s - due_at) / rule.interval_seconds) + 1))
FROM alerts_rule rule
WHERE rule.id = state.rule_id AND state.rule_id IN (
    SELECT due.rule_id
    FROM alerts_rulestate due JOIN alerts_rule quiet ON quiet.id = due.rule_id
    WHERE quiet.organization_id = %(organization)s AND due.due_at <= %(now)s
      AND quiet.kind = 'pattern' AND quiet.enabled
      AND NOT EXISTS (
        SELECT FROM alerts_alert alert
        WHERE alert.rule_id = quiet.id
          AND (alert.status <> 'resolved' OR alert.awaits_recovery))
    FOR UPDATE OF due SKIP LOCKED)
"""


def _pass_over_quiet_patterns(organization_id: int, *, now: datetime) -> None:
    """Pattern rules without alerts are evaluated by the ingest of lines alone."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ADVANCE_QUIET, {"now": now, "organization": organization_id})
        if cursor.rowcount:
            windows.prune(organization_id, now=now)


def _claim(rule_id: int, *, now: datetime) -> RuleState | None:
    """Lock the rule's state, so that two workers never evaluate one rule at once.

    The lock of pattern rules comes first, as everywhere.
    """
    patterns = Rule.unscoped.filter(pk=rule_id, kind=Rule.Kind.PATTERN)
    for organization_id in patterns.values_list("organization_id", flat=True):
        windows.lock(organization_id)
    states = RuleState.objects.select_for_update(skip_locked=True, of=("self",))
    related = states.select_related("rule__organization", "rule__team")
    return related.filter(pk=rule_id, due_at__lte=now, rule__enabled=True).first()


def _evaluate(rule: Rule, *, now: datetime) -> None:
    scope = system_scope(rule)
    if rule.kind == Rule.Kind.PATTERN:
        evaluate_open(rule, scope, now=now)
        return
    reading = reading_scope(rule)
    seen = observe(reading, rule.query, now=now, language=rule.language)
    if len(seen) > MAX_OBSERVATIONS:
        raise TooManyObservationsError(
            f"The query answers {len(seen)} series; a rule may have "
            f"{MAX_OBSERVATIONS}. Aggregate, or select fewer."
        )
    known = remembered_alerts(scope, {rule.pk}).get(rule.pk, {})
    memory = {key: memory_of(alert) for key, alert in known.items()}
    changes = evaluate(spec_of(rule), seen, memory, now)
    apply_changes(rule, changes, known, now=now)


def _advance_clock(
    state: RuleState, error: str, *, now: datetime, started: float
) -> None:
    interval = timedelta(seconds=state.rule.interval_seconds)
    RuleState.objects.filter(pk=state.pk).update(
        due_at=next_due(state.due_at, interval, now=now),
        evaluated_at=now,
        duration_ms=(time.monotonic() - started) * 1000,
        error=error[:2000],
    )
