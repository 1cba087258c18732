"""The evaluator: rule, observations and memory in, changes out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from alerts.evaluation.levels import Severity
from alerts.evaluation.memory import (
    AlertMemory,
    Change,
    ChangeKind,
    NoData,
    Observation,
    RuleSpec,
    Status,
)
from alerts.evaluation.reasons import reason_for
from alerts.evaluation.state import (
    LevelState,
    Phase,
    Signal,
    advance,
    advance_presence,
    signal_of,
)
from monitoring.labels import Labels, fingerprint

# Under this key stands the alert about a query that answers nothing at all.
_WITHOUT_LABELS = fingerprint(())

_SIGNAL_WITHOUT_DATA = {
    NoData.KEEP: Signal.UNKNOWN,
    NoData.RESOLVE: Signal.CLEAR,
    NoData.ALERT: Signal.BREACHED,
}


def evaluate(
    rule: RuleSpec,
    observations: Sequence[Observation],
    previous: Mapping[int, AlertMemory],
    now: datetime,
) -> list[Change]:
    """Return what this evaluation changes, sorted by fingerprint.

    `previous` has what is remembered of each fingerprint. A remembered label set
    without an observation, or with NaN, is one without data: the rule's policy
    decides. Under the policy ALERT an empty answer is an alert of its own, without
    labels, until the query answers again.
    """
    seen = {observation.fingerprint: observation for observation in observations}
    if not seen and rule.no_data is NoData.ALERT and not previous:
        nothing = Observation.of((), math.nan)
        seen = {nothing.fingerprint: nothing}
    changes = []
    for key in sorted(seen.keys() | previous.keys()):
        before = previous.get(key)
        found = seen.get(key)
        labels = found.labels if found else before.labels if before else ()
        value = found.value if found else math.nan
        answered = bool(observations) and found is None and key == _WITHOUT_LABELS
        change = _advance_alert(
            rule,
            key,
            labels,
            value,
            before,
            now=now,
            answered=answered,
            found=found is not None,
        )
        if change is not None:
            changes.append(change)
    return changes


def _advance_alert(
    rule: RuleSpec,
    key: int,
    labels: Labels,
    value: float,
    before: AlertMemory | None,
    *,
    now: datetime,
    answered: bool,
    found: bool,
) -> Change | None:
    """`answered`: the alert was about an empty answer, and the query has one again."""
    known = before or AlertMemory(labels, Status.PENDING, rule.levels[0].severity)
    levels = {}
    for level in rule.levels:
        state = known.state_of(level.severity)
        if rule.presence:
            state = advance_presence(state, level, found=found, now=now)
        else:
            signal = _signal(rule, value, answered=answered) or signal_of(level, value)
            state = advance(state, level, signal, now=now)
        levels[level.severity] = state
    after = _after(known, levels, None if math.isnan(value) else value)
    kind = _kind(before, after)
    if kind is None:
        return None
    reason = reason_for(kind, rule, before=before, after=after, now=now)
    return Change(kind, key, before, after, reason)


def _signal(rule: RuleSpec, value: float, *, answered: bool) -> Signal | None:
    """Return the signal that holds for all levels where there is no value."""
    if answered:
        return Signal.CLEAR
    return _SIGNAL_WITHOUT_DATA[rule.no_data] if math.isnan(value) else None


def _after(
    before: AlertMemory, levels: Mapping[Severity, LevelState], value: float | None
) -> AlertMemory:
    """Return the new memory; RESOLVED when nothing of it is left."""
    after = replace(before, levels=levels, value=value)
    firing, pending = after.worst(Phase.FIRING), after.worst(Phase.PENDING)
    if before.status is Status.RESOLVED:
        if firing is None or firing.rank <= before.severity.rank:
            return after
        return replace(after, status=Status.FIRING, severity=firing)
    if firing is not None:
        stays = before.status is Status.ACKNOWLEDGED
        stays = stays and firing.rank <= before.severity.rank
        status = Status.ACKNOWLEDGED if stays else Status.FIRING
        return replace(after, status=status, severity=firing)
    if pending is not None and before.status is Status.PENDING:
        return replace(after, severity=pending)
    return replace(after, status=Status.RESOLVED)


def _kind(before: AlertMemory | None, after: AlertMemory) -> ChangeKind | None:
    if before is None:
        return _kind_of_new(after)
    if before.status is Status.RESOLVED:
        return _kind_of_held_back(before, after)
    if after.status is Status.RESOLVED:
        dropped = before.status is Status.PENDING
        return ChangeKind.DROPPED if dropped else ChangeKind.RESOLVED
    if before.status is Status.PENDING and after.status is Status.FIRING:
        return ChangeKind.FIRED
    if after.status is not Status.PENDING and after.severity is not before.severity:
        worse = after.severity.rank > before.severity.rank
        return ChangeKind.WORSENED if worse else ChangeKind.EASED
    return ChangeKind.UPDATED if after != before else None


def _kind_of_new(after: AlertMemory) -> ChangeKind | None:
    if after.status is Status.RESOLVED:
        return None
    return ChangeKind.FIRED if after.status is Status.FIRING else ChangeKind.OPENED


def _kind_of_held_back(before: AlertMemory, after: AlertMemory) -> ChangeKind | None:
    if after.status is Status.FIRING:
        return ChangeKind.FIRED
    quiet = all(state.phase is Phase.INACTIVE for state in after.levels.values())
    if quiet:
        return ChangeKind.RELEASED
    return ChangeKind.UPDATED if after != before else None
