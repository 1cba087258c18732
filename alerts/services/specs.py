"""From rows to the values that the evaluator knows, and back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from alerts.evaluation import (
    AlertMemory,
    Comparator,
    Level,
    LevelState,
    NoData,
    Phase,
    RuleSpec,
    Severity,
    Status,
)
from alerts.evaluation.languages import is_comparison
from alerts.models import Alert, Rule, RuleLevel
from monitoring.durations import format_duration
from monitoring.labels import Matcher, MatchOp, make_labels


def spec_of(rule: Rule, levels: Iterable[RuleLevel] | None = None) -> RuleSpec:
    """Return what decides; `levels` stands for the rule's own where it is given."""
    rows = rule.levels.all() if levels is None else levels
    ordered = sorted(rows, key=lambda level: level.position)
    return RuleSpec(
        levels=tuple(level_of(level) for level in ordered),
        no_data=_no_data_of(rule),
        wording=_wording(rule),
        presence=rule.kind == Rule.Kind.ALERTING,
    )


def _no_data_of(rule: Rule) -> NoData:
    """A query that answers breaches only says by its silence that all is well."""
    policy = NoData(rule.no_data)
    keeps = policy is NoData.KEEP and rule.kind == Rule.Kind.THRESHOLD
    silent = keeps and is_comparison(rule.query, rule.language)
    return NoData.RESOLVE if silent else policy


def level_of(row: RuleLevel) -> Level:
    return Level(
        severity=Severity(row.severity),
        comparator=Comparator(row.comparator),
        threshold=row.threshold,
        recovery=row.recovery_threshold,
        hold=timedelta(seconds=row.hold_seconds),
        keep_firing=timedelta(seconds=row.keep_firing_seconds),
    )


def _wording(rule: Rule) -> str:
    if rule.kind == Rule.Kind.PATTERN:
        window = format_duration(timedelta(seconds=rule.window_seconds))
        return f"{{value}} matching lines in {window}"
    return "value {value} %" if rule.unit == "percent" else "value {value}"


def matchers_of(rule: Rule) -> tuple[Matcher, ...]:
    return tuple(
        Matcher(m["name"], MatchOp(m["op"]), m["value"]) for m in rule.matchers
    )


def memory_of(alert: Alert) -> AlertMemory:
    states = {Severity(s["severity"]): _state_of(s) for s in alert.level_states}
    return AlertMemory(
        labels=make_labels(alert.labels),
        status=Status(alert.status),
        severity=Severity(alert.severity),
        levels=states,
        value=alert.value,
    )


def states_json(memory: AlertMemory) -> list[dict[str, Any]]:
    return [
        {
            "severity": severity.value,
            "phase": state.phase.value,
            "since": state.since.isoformat() if state.since else None,
            "last_breach": state.last_breach.isoformat() if state.last_breach else None,
            **_missing_json(state),
        }
        for severity, state in memory.levels.items()
    ]


def _missing_json(state: LevelState) -> dict[str, str]:
    since = state.missing_since
    return {"missing_since": since.isoformat()} if since else {}


def _state_of(stored: dict[str, Any]) -> LevelState:
    return LevelState(
        Phase(stored["phase"]),
        _moment(stored["since"]),
        _moment(stored["last_breach"]),
        _moment(stored.get("missing_since")),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
