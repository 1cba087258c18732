"""The sentence that says why an alert changed."""

from __future__ import annotations

import math
from datetime import datetime

from alerts.evaluation.levels import Level, Severity
from alerts.evaluation.memory import AlertMemory, ChangeKind, NoData, RuleSpec
from alerts.evaluation.state import Phase
from monitoring.durations import format_duration

# Beyond this not every whole number has a float of its own.
_WHOLE_BELOW = 1e15
_DIGITS = 4


def format_value(value: float) -> str:
    """Return the number as people write it: whole numbers in full, others to four digits."""
    if not math.isfinite(value):
        return str(value)
    if value == round(value) and abs(value) < _WHOLE_BELOW:
        return f"{value:.0f}"
    return f"{value:.{_DIGITS}g}"


def reason_for(
    kind: ChangeKind,
    rule: RuleSpec,
    *,
    before: AlertMemory | None,
    after: AlertMemory,
    now: datetime,
) -> str:
    """Return the sentence of a change, as in `value 97.3 > 90 for 2m (critical)`."""
    subject = _subject(rule, after.value)
    match kind:
        case ChangeKind.FIRED | ChangeKind.WORSENED:
            return _breach(rule, subject, after, now)
        case ChangeKind.OPENED:
            return _waiting(rule, subject, after)
        case ChangeKind.EASED if before is not None:
            ended = _ended(rule, subject, before.severity)
            return f"{ended} ({before.severity} recovered, still {after.severity})"
        case ChangeKind.RESOLVED | ChangeKind.DROPPED if before is not None:
            return _over(rule, subject, before, after)
        case _:
            return ""


def _subject(rule: RuleSpec, value: float | None) -> str:
    if value is None or math.isnan(value):
        return "no data"
    return rule.wording.format(value=format_value(value))


def _condition(level: Level, subject: str) -> str:
    if subject == "no data":
        return subject
    return f"{subject} {level.comparator.symbol} {format_value(level.threshold)}"


def _breach(rule: RuleSpec, subject: str, after: AlertMemory, now: datetime) -> str:
    level = rule.level_of(after.severity)
    since = after.state_of(after.severity).since
    if level is None or since is None:
        return f"{subject} ({after.severity})"
    condition = subject if rule.presence else _condition(level, subject)
    lasted = f" for {format_duration(now - since)}" if level.hold else ""
    return f"{condition}{lasted} ({after.severity})"


def _waiting(rule: RuleSpec, subject: str, after: AlertMemory) -> str:
    level = rule.level_of(after.severity)
    if level is None:
        return subject
    hold = format_duration(level.hold)
    condition = subject if rule.presence else _condition(level, subject)
    return f"{condition}, fires after {hold} ({after.severity})"


def _ended(rule: RuleSpec, subject: str, severity: Severity) -> str:
    level = rule.level_of(severity)
    if level is None or subject == "no data":
        return subject
    limit = format_value(level.recovery_limit)
    return f"{subject} is no longer {level.comparator.symbol} {limit}"


def _over(rule: RuleSpec, subject: str, before: AlertMemory, after: AlertMemory) -> str:
    if rule.presence:
        return "the query no longer answers it"
    if subject == "no data":
        kept = rule.no_data is NoData.KEEP
        return "no data" if kept else "no data, which this rule takes for recovery"
    fired = [
        severity
        for severity, state in before.levels.items()
        if state.phase is not Phase.INACTIVE
    ]
    mildest = min(fired, key=lambda severity: severity.rank, default=after.severity)
    return _ended(rule, subject, mildest)
