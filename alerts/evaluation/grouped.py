"""Rule groups as Prometheus has them: what they say, and when they are evaluated."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from alerts.evaluation.levels import Severity
from monitoring.moments import EPOCH

# What people write into the label `severity`, by the severity it stands for.
_SEVERITIES = {
    "none": Severity.INFO,
    "info": Severity.INFO,
    "informational": Severity.INFO,
    "low": Severity.INFO,
    "minor": Severity.WARNING,
    "warn": Severity.WARNING,
    "warning": Severity.WARNING,
    "medium": Severity.WARNING,
    "ticket": Severity.WARNING,
    "error": Severity.ERROR,
    "high": Severity.ERROR,
    "major": Severity.ERROR,
    "critical": Severity.CRITICAL,
    "crit": Severity.CRITICAL,
    "page": Severity.CRITICAL,
    "emergency": Severity.CRITICAL,
    "fatal": Severity.CRITICAL,
}


class GroupedKind(StrEnum):
    ALERTING = "alerting"
    RECORDING = "recording"


@dataclass(frozen=True, slots=True)
class GroupedRule:
    """One rule of a group: `record` or `alert`, and what its query is."""

    kind: GroupedKind
    name: str
    expr: str
    hold: timedelta = timedelta(0)
    keep_firing: timedelta = timedelta(0)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_alerting(self) -> bool:
        return self.kind is GroupedKind.ALERTING

    @property
    def identity(self) -> tuple[object, ...]:
        """What a rule keeps its alerts by when its group is written anew."""
        return (self.kind.value, self.name, *sorted(self.labels.items()))


@dataclass(frozen=True, slots=True)
class RuleGroupDraft:
    namespace: str
    name: str
    rules: tuple[GroupedRule, ...]
    interval: timedelta = timedelta(minutes=1)
    limit: int = 0
    query_offset: timedelta = timedelta(0)
    labels: Mapping[str, str] = field(default_factory=dict)
    language: str = "promql"


def severity_of(labels: Mapping[str, str]) -> Severity:
    """Return the severity that a rule's labels stand for; a warning if they say none."""
    return _SEVERITIES.get(labels.get("severity", "").lower(), Severity.WARNING)


def offset_of(key: str, interval: timedelta) -> timedelta:
    """Return a group's own place within its interval, the same in every process.

    It spreads the groups of one interval over the whole of it, as Prometheus does.
    """
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    share = int.from_bytes(digest, "big") / 2**64
    return timedelta(milliseconds=int(interval / timedelta(milliseconds=1) * share))


def tick_before(now: datetime, interval: timedelta, offset: timedelta) -> datetime:
    """Return the group's latest moment of evaluation that is not after `now`."""
    return now - (now - EPOCH - offset) % interval
