"""The log lines that a pattern rule's alert is about."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa

from accounts.scope import Scope
from alerts.evaluation.patterns import Pattern, PatternSet
from alerts.models import Alert, Rule
from alerts.services.memories import narrowed
from alerts.services.specs import matchers_of
from monitoring.labels import Matcher, MatchOp
from monitoring.services import logs
from monitoring.telemetry import nanoseconds

SHOWN = 5
# Lines looked at for the few that are shown: an alert's page must come at once.
READ = 5000
# Lines may carry a time a little off that of their arrival.
_SLACK = timedelta(minutes=1)


def matching_lines(
    scope: Scope, alert: Alert, *, now: datetime
) -> list[logs.LogRecord]:
    """Return the newest of the lines that matched, as far as the scope may see them."""
    rule = alert.rule
    if rule is None or rule.kind != Rule.Kind.PATTERN:
        return []
    own = tuple(
        Matcher(name, MatchOp.EQUAL, str(value))
        for name, value in alert.labels.items()
        if name in rule.group_by
    )
    start, end = time_of(alert, now=now)
    query = logs.LogQuery(
        matchers=(*matchers_of(rule), *own),
        start_ns=nanoseconds(start),
        end_ns=nanoseconds(end),
        limit=READ,
        direction="backward",
    )
    page = logs.read_logs(narrowed(scope, alert.team_id), query)
    lines = pa.array([record.line for record in page.records], pa.large_string())
    pattern = Pattern(rule.pattern, rule.ignore_case)
    _, found = PatternSet([pattern]).matches(lines)
    return [page.records[index] for index in found[:SHOWN].tolist()]


def time_of(alert: Alert, *, now: datetime) -> tuple[datetime, datetime]:
    """Return between which moments the alert's lines were written."""
    window = timedelta(seconds=alert.rule.window_seconds if alert.rule else 60)
    return alert.started_at - window - _SLACK, (alert.resolved_at or now) + _SLACK
