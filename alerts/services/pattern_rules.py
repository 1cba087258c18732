"""Pattern rules: from counted lines to alerts, in the pipeline and as time passes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from accounts.scope import Scope
from alerts.evaluation import Observation, evaluate
from alerts.models import Alert, Rule
from alerts.services import windows
from alerts.services.changes import apply_changes
from alerts.services.memories import remembered_alerts
from alerts.services.specs import memory_of, spec_of
from alerts.services.windows import Group
from monitoring.labels import make_labels


def count_and_evaluate(
    scope: Scope,
    rules: Mapping[int, Rule],
    counts: Mapping[Group, int],
    *,
    now: datetime,
) -> None:
    """Add matching lines to their windows and see what that means.

    In the caller's transaction, which holds the organization's lock from here on:
    call it late.
    """
    windows.lock(scope.organization_id)
    windows.add(counts, now=now)
    groups = sorted(counts, key=lambda group: (group.rule_id, group.fingerprint))
    keys = [(group.rule_id, group.fingerprint) for group in groups]
    sums = windows.sums(keys, _windows_of(rules.values()), now=now)
    known = remembered_alerts(scope, {group.rule_id for group in groups})
    for rule_id, rule in sorted(rules.items()):
        mine = [group for group in groups if group.rule_id == rule_id]
        seen = [
            Observation(g.labels, float(sums[rule_id, g.fingerprint]), g.fingerprint)
            for g in mine
        ]
        teams = {group.fingerprint: group.team_id for group in mine}
        remembered = known.get(rule_id, {})
        _evaluate(rule, seen, remembered, teams=teams, now=now)


def evaluate_open(rule: Rule, scope: Scope, *, now: datetime) -> None:
    """Look at a rule's alerts again: a window empties by time alone.

    Call it with the organization's lock held.
    """
    known = remembered_alerts(scope, {rule.pk}).get(rule.pk, {})
    if not known:
        return
    keys = [(rule.pk, key) for key in known]
    sums = windows.sums(keys, _windows_of([rule]), now=now)
    seen = [
        Observation(make_labels(alert.labels), float(sums.get((rule.pk, key), 0)), key)
        for key, alert in known.items()
    ]
    _evaluate(rule, seen, known, teams={}, now=now)


def _evaluate(
    rule: Rule,
    seen: Sequence[Observation],
    known: Mapping[int, Alert],
    *,
    teams: Mapping[int, int | None],
    now: datetime,
) -> None:
    wanted = {observation.fingerprint for observation in seen}
    known = {key: alert for key, alert in known.items() if key in wanted}
    memory = {key: memory_of(alert) for key, alert in known.items()}
    changes = evaluate(spec_of(rule), seen, memory, now)
    apply_changes(rule, changes, known, now=now, teams=teams)


def _windows_of(rules: Iterable[Rule]) -> dict[int, timedelta]:
    return {rule.pk: timedelta(seconds=rule.window_seconds) for rule in rules}
