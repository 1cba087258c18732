"""What a recording rule stores: its query's answer under another name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from accounts.scope import Scope
from alerts.models import Rule
from monitoring.labels import METRIC_NAME, Labels, make_labels
from monitoring.promql import Result, ResultType
from monitoring.services import queries


class RuleFailedError(Exception):
    """The rule has no outcome this time; the text says why."""


class Reads(Protocol):
    """What a group's rules are answered by, all at one moment."""

    def instant(self, expr: str) -> Result: ...

    def lay_over(self, samples: Mapping[Labels, float]) -> None:
        """Let later rules see what earlier ones have come to."""
        ...


def recorded(rule: Rule, limit: int, reads: Reads) -> dict[Labels, float]:
    """Return the rule's samples. Raises RuleFailedError and what queries do."""
    samples = _named_samples(reads.instant(rule.query), rule.name, rule.labels)
    check_limit(len(samples), limit, "series")
    return samples


def preview_recording(
    scope: Scope, expr: str, name: str, labels: Mapping[str, str], *, now: datetime
) -> dict[Labels, float]:
    """Return what a rule would store now. Raises RuleFailedError and what queries do."""
    return _named_samples(queries.instant(scope, expr, now=now), name, labels)


def _named_samples(
    result: Result, name: str, more: Mapping[str, str]
) -> dict[Labels, float]:
    if result.type not in {ResultType.VECTOR, ResultType.SCALAR}:
        raise RuleFailedError("rule result is not a vector or scalar")
    column = result.values[:, 0].tolist() if result.labels else []
    samples = {
        named(labels, name, more): value
        for labels, value in zip(result.labels, column, strict=True)
    }
    if len(samples) < len(column):
        raise RuleFailedError(
            "vector contains metrics with the same labelset after applying rule labels"
        )
    return samples


def check_limit(count: int, limit: int, noun: str) -> None:
    """Raises RuleFailedError."""
    if limit and count > limit:
        raise RuleFailedError(f"exceeded limit of {limit} with {count} {noun}")


def named(labels: Labels, name: str, more: Mapping[str, str]) -> Labels:
    """Return a series' labels under a new name; a rule's own labels win."""
    if not more:
        rest = [pair for pair in labels if pair[0] != METRIC_NAME]
        return tuple(sorted([(METRIC_NAME, name), *rest]))
    return make_labels({**dict(labels), **more, METRIC_NAME: name})
