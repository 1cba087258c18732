"""A rule before it is one: what forms, the API and files say of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from accounts.models import Team
from alerts.evaluation import Comparator
from alerts.evaluation.languages import PROMQL
from alerts.models import NotificationChannel, Rule, RuleLevel

Errors = dict[str, Any]

_MATCHER = re.compile(r"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*\"?(.*?)\"?\s*\Z")


def written_matcher(text: str) -> dict[str, str] | None:
    """Return name, op and value of `source="app"`, whose quotes may be left out."""
    found = _MATCHER.match(text)
    if found is None:
        return None
    return {"name": found[1], "op": found[2], "value": found[3]}


class InvalidRuleError(ValueError):
    """The rule cannot work; `fields` says what to mend, levels by their position."""

    def __init__(self, fields: Errors) -> None:
        self.fields = fields
        # What to mend, without saying where.
        self.sentences = list(_sentences(fields))
        super().__init__("; ".join(self.sentences))


def _sentences(found: Any) -> Iterator[str]:
    if isinstance(found, Mapping):
        found = list(found.values())
    if isinstance(found, list):
        for each in found:
            yield from _sentences(each)
    else:
        yield str(found)


@dataclass(frozen=True, slots=True)
class LevelDraft:
    severity: str
    threshold: float
    comparator: str = Comparator.GT
    recovery_threshold: float | None = None
    hold_seconds: int = 0
    keep_firing_seconds: int = 0
    channels: tuple[NotificationChannel, ...] = ()

    def row(self, position: int) -> RuleLevel:
        """Return an unsaved level, without its channels."""
        return RuleLevel(
            position=position,
            severity=self.severity,
            comparator=self.comparator,
            threshold=self.threshold,
            recovery_threshold=self.recovery_threshold,
            hold_seconds=self.hold_seconds,
            keep_firing_seconds=self.keep_firing_seconds,
        )


@dataclass(frozen=True, slots=True)
class RuleDraft:
    name: str
    kind: str
    levels: tuple[LevelDraft, ...]
    query: str = ""
    language: str = PROMQL
    pattern: str = ""
    ignore_case: bool = False
    matchers: Sequence[Mapping[str, str]] = ()
    group_by: Sequence[str] = ()
    window_seconds: int = 60
    interval_seconds: int = 15
    no_data: str = Rule.NoData.KEEP
    unit: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    team: Team | None = None
    enabled: bool = True

    def write_to(self, rule: Rule) -> None:
        """Set the rule's own columns; its levels are rows of their own."""
        is_pattern = self.kind == Rule.Kind.PATTERN
        rule.name = self.name
        rule.description = self.description
        rule.kind = self.kind
        rule.enabled = self.enabled
        rule.team = self.team
        rule.query = "" if is_pattern else self.query
        rule.language = PROMQL if is_pattern else self.language
        rule.pattern = self.pattern if is_pattern else ""
        rule.ignore_case = is_pattern and self.ignore_case
        rule.matchers = [dict(m) for m in self.matchers] if is_pattern else []
        rule.group_by = list(self.group_by) if is_pattern else []
        rule.window_seconds = self.window_seconds
        rule.interval_seconds = self.interval_seconds
        rule.no_data = self.no_data
        rule.unit = self.unit
        rule.labels = dict(self.labels)
        rule.annotations = dict(self.annotations)


def draft_of(rule: Rule) -> RuleDraft:
    """Return the draft that a rule was made from."""
    return RuleDraft(
        name=rule.name,
        kind=rule.kind,
        levels=tuple(_level_draft(level) for level in rule.levels.all()),
        query=rule.query,
        language=rule.language,
        pattern=rule.pattern,
        ignore_case=rule.ignore_case,
        matchers=rule.matchers,
        group_by=rule.group_by,
        window_seconds=rule.window_seconds,
        interval_seconds=rule.interval_seconds,
        no_data=rule.no_data,
        unit=rule.unit,
        labels=rule.labels,
        annotations=rule.annotations,
        description=rule.description,
        team=rule.team,
        enabled=rule.enabled,
    )


def _level_draft(level: RuleLevel) -> LevelDraft:
    return LevelDraft(
        severity=level.severity,
        comparator=level.comparator,
        threshold=level.threshold,
        recovery_threshold=level.recovery_threshold,
        hold_seconds=level.hold_seconds,
        keep_firing_seconds=level.keep_firing_seconds,
        channels=tuple(level.channels.all()),
    )
