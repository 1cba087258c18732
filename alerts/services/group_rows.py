"""The rules of a group as rows: each keeps its row, and its alerts, by its identity."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from accounts.scope import Scope
from alerts.evaluation.grouped import GroupedKind, GroupedRule, severity_of
from alerts.models import Rule, RuleGroup, RuleLevel, RuleState
from alerts.services.rules import end_alerts

_RULE_FIELDS = [
    "group",
    "position",
    "team",
    "kind",
    "name",
    "query",
    "language",
    "labels",
    "annotations",
    "interval_seconds",
    "no_data",
]


def grouped_rule(rule: Rule) -> GroupedRule:
    level = next(iter(rule.levels.all()), None)
    return GroupedRule(
        kind=GroupedKind(rule.kind),
        name=rule.name,
        expr=rule.query,
        hold=timedelta(seconds=level.hold_seconds if level else 0),
        keep_firing=timedelta(seconds=level.keep_firing_seconds if level else 0),
        labels=rule.labels,
        annotations=rule.annotations,
    )


def write_rules(
    scope: Scope, group: RuleGroup, rules: Sequence[GroupedRule], *, now: datetime
) -> None:
    """Make the rows say what the rules do; alerts of rules that are no more end."""
    kept: dict[tuple[object, ...], list[Rule]] = {}
    for row in group.rules.all():
        kept.setdefault(grouped_rule(row).identity, []).append(row)
    created: list[Rule] = []
    updated: list[Rule] = []
    for position, rule in enumerate(rules):
        same = kept.get(rule.identity)
        row = same.pop(0) if same else Rule(organization_id=group.organization_id)
        (updated if row.pk else created).append(row)
        _fill_rule(row, group, rule, position)
    for row in (row for rows in kept.values() for row in rows):
        end_alerts(scope, row, "the rule was deleted", now=now)
        row.delete()
    Rule.unscoped.bulk_update(updated, _RULE_FIELDS, batch_size=500)
    Rule.unscoped.bulk_create(created)
    RuleState.objects.bulk_create(RuleState(rule=r, due_at=now) for r in created)
    _write_levels([*created, *updated], rules)


def _fill_rule(row: Rule, group: RuleGroup, rule: GroupedRule, position: int) -> None:
    row.group = group
    row.position = position
    row.team = group.team
    row.kind = rule.kind
    row.name = rule.name
    row.query = rule.expr
    row.language = group.language
    row.labels = dict(rule.labels)
    row.annotations = dict(rule.annotations)
    row.interval_seconds = group.interval_seconds
    row.no_data = Rule.NoData.RESOLVE


def _write_levels(rows: Sequence[Rule], rules: Sequence[GroupedRule]) -> None:
    """An alerting rule has one level; the channels that it was given stay."""
    known = {level.rule_id: level for level in RuleLevel.objects.filter(rule__in=rows)}
    new: list[RuleLevel] = []
    old: list[RuleLevel] = []
    for row in rows:
        rule = rules[row.position]
        if not rule.is_alerting:
            continue
        level = known.get(row.pk)
        if level is None:
            level = RuleLevel(rule=row, position=0, threshold=0)
        (old if row.pk in known else new).append(level)
        group_labels = row.group.labels if row.group else {}
        level.severity = severity_of({**group_labels, **rule.labels})
        level.hold_seconds = int(rule.hold.total_seconds())
        level.keep_firing_seconds = int(rule.keep_firing.total_seconds())
    RuleLevel.objects.bulk_create(new)
    fields = ["severity", "hold_seconds", "keep_firing_seconds"]
    RuleLevel.objects.bulk_update(old, fields, batch_size=500)
