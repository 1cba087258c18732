"""How long telemetry is kept: the one place that says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np
from django.conf import settings
from django.db.models import Max

from accounts.models import Organization
from accounts.scope import Scope
from monitoring import promql
from monitoring.labels import METRIC_NAME, Matcher, matches_all
from monitoring.models import LogStream, RetentionRule, Series, Signal
from monitoring.promql.syntax import VectorSelector
from monitoring.store.blocks import Int64s

# For callers above, who know no models.
METRICS = Signal.METRICS.value

_DEFAULTS = {Signal.METRICS: "metric_retention_days", Signal.LOGS: "log_retention_days"}


class InvalidSelectorError(ValueError):
    """A selector that cannot be read, or not for this signal."""


def parse_selector(text: str, signal: str) -> tuple[Matcher, ...]:
    """Return the matchers of up{job="x"} or {app="x"}; of nothing, none.

    Raises InvalidSelectorError.
    """
    if not text.strip():
        return ()
    try:
        tree = promql.parse(text)
    except promql.PromQLError as error:
        raise InvalidSelectorError(str(error)) from None
    if not isinstance(tree, VectorSelector) or tree.offset_ms or tree.at:
        raise InvalidSelectorError('Give a selector and nothing else: {env="dev"}.')
    if signal == Signal.LOGS and any(m.name == METRIC_NAME for m in tree.matchers):
        raise InvalidSelectorError("Streams of logs have no metric name.")
    return tree.matchers


@dataclass(frozen=True, slots=True)
class Clause:
    """One rule; team None stands for all of the organization."""

    signal: str
    team_id: int | None
    matchers: tuple[Matcher, ...]
    keep_for: timedelta

    def applies_to(self, team_id: int | None, labels: Mapping[str, str]) -> bool:
        if self.team_id is not None and self.team_id != team_id:
            return False
        return matches_all(self.matchers, labels)


@dataclass(frozen=True, slots=True)
class Policy:
    """What an organization keeps for how long; no clause outlasts the operator's cap."""

    clauses: tuple[Clause, ...]
    defaults: Mapping[str, timedelta]
    cap: timedelta

    def with_rules(self, clauses: Sequence[Clause]) -> Policy:
        capped = (replace(c, keep_for=min(c.keep_for, self.cap)) for c in clauses)
        return Policy(tuple(capped), self.defaults, self.cap)

    def of(self, signal: str) -> list[Clause]:
        """Return the signal's clauses in order, the organization's default last."""
        rest = Clause(signal, None, (), self.defaults[signal])
        return [*self.rules_of(signal), rest]

    def rules_of(self, signal: str) -> list[Clause]:
        return [clause for clause in self.clauses if clause.signal == signal]

    def longest(self, signal: str) -> timedelta:
        return max(clause.keep_for for clause in self.of(signal))

    def shortest(self, signal: str) -> timedelta:
        return min(clause.keep_for for clause in self.of(signal))


def kept_from(keep_for: timedelta, now: datetime) -> date:
    """Return the first day that is kept: one goes when all of it is too old."""
    return (now - keep_for).date()


def clause_of(rule: RetentionRule) -> Clause:
    """Raises InvalidSelectorError."""
    matchers = parse_selector(rule.selector, rule.signal)
    return Clause(rule.signal, rule.team_id, matchers, rule.keep_for)


def policy_of(organization_id: int) -> Policy:
    rules = RetentionRule.unscoped.filter(organization_id=organization_id)
    return _without_rules(organization_id).with_rules([clause_of(r) for r in rules])


def _without_rules(organization_id: int) -> Policy:
    organization = Organization.objects.only(
        "max_retention_days", *_DEFAULTS.values()
    ).get(pk=organization_id)
    cap = timedelta(days=organization.max_retention_days or settings.MAX_RETENTION_DAYS)
    platform = {
        Signal.METRICS: settings.METRIC_RETENTION_DAYS,
        Signal.LOGS: settings.LOG_RETENTION_DAYS,
    }
    defaults = {
        signal.value: min(
            timedelta(days=getattr(organization, column) or platform[signal]), cap
        )
        for signal, column in _DEFAULTS.items()
    }
    return Policy((), defaults, cap)


def longest_kept(organization_id: int, signal: str) -> timedelta:
    """Return the longest that anything of the organization's is kept.

    What is older is not accepted; how long a series or stream is kept after that is
    decided by its labels, when days are let go.
    """
    policy = _without_rules(organization_id)
    rules = RetentionRule.unscoped.filter(
        organization_id=organization_id, signal=signal
    )
    longest = rules.aggregate(longest=Max("keep_for"))["longest"]
    return max(policy.defaults[signal], min(longest or timedelta(0), policy.cap))


def longest_kept_anywhere(signal: str) -> timedelta:
    """Return the longest that anything of anybody's is kept."""
    organizations = Organization.objects.values_list("pk", flat=True)
    kept = [longest_kept(pk, signal) for pk in organizations]
    platform = {
        Signal.METRICS.value: settings.METRIC_RETENTION_DAYS,
        Signal.LOGS.value: settings.LOG_RETENTION_DAYS,
    }
    return max([timedelta(days=platform[signal]), *kept])


def ids_by_clause(scope: Scope, policy: Policy, signal: str) -> list[Int64s]:
    """Return the ids of the series or streams that each clause decides about."""
    clauses = policy.of(signal)
    found: list[list[int]] = [[] for _clause in clauses]
    for pk, team_id, labels in labelled(scope, signal):
        for place, clause in enumerate(clauses):
            if clause.applies_to(team_id, labels):
                found[place].append(pk)
                break
    return [np.array(sorted(ids), np.int64) for ids in found]


def labelled(scope: Scope, signal: str) -> list[tuple[int, int | None, dict[str, str]]]:
    """Return id, team and labels of every visible series or stream."""
    if signal == Signal.LOGS:
        streams = LogStream.objects.visible_to(scope)
        return list(streams.values_list("id", "team_id", "labels"))
    series = Series.objects.visible_to(scope).order_by()
    rows = series.values_list("id", "team_id", "labels", "metric__name")
    return [
        (pk, team_id, {METRIC_NAME: name, **labels})
        for pk, team_id, labels, name in rows.iterator(chunk_size=10_000)
    ]


def matching_ids(
    scope: Scope, signal: str, selectors: Sequence[tuple[Matcher, ...]]
) -> list[int]:
    """Return the visible series or streams that one of the selectors takes."""
    return sorted(
        pk
        for pk, _team, labels in labelled(scope, signal)
        if any(matches_all(matchers, labels) for matchers in selectors)
    )
