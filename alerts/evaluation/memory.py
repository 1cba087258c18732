"""The values that go into an evaluation and come out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

from alerts.evaluation.levels import Level, Severity
from alerts.evaluation.state import INACTIVE, LevelState, Phase
from monitoring.labels import Labels, fingerprint


class NoData(StrEnum):
    """What it means that a rule's query has no value."""

    KEEP = "keep"  # what fires goes on firing
    RESOLVE = "resolve"  # as good as recovered
    ALERT = "alert"  # as bad as a breach of every level


class Status(StrEnum):
    PENDING = "pending"
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """The part of a rule that decides; levels are ordered from mild to worst.

    `wording` says what a value is, as in "{value} lines in 1m". With `presence` it is
    the query that compares: whatever it answers is a breach, NaN too, and what is
    missing from the answer has recovered.
    """

    levels: tuple[Level, ...]
    no_data: NoData = NoData.KEEP
    wording: str = "value {value}"
    presence: bool = False

    def level_of(self, severity: Severity) -> Level | None:
        return next((lv for lv in self.levels if lv.severity is severity), None)


@dataclass(frozen=True, slots=True)
class Observation:
    labels: Labels
    value: float
    fingerprint: int

    @classmethod
    def of(cls, labels: Labels, value: float) -> Self:
        return cls(labels, value, fingerprint(labels))


@dataclass(frozen=True, slots=True)
class AlertMemory:
    """What is remembered of one label set from one evaluation to the next.

    RESOLVED stands for an alert that was resolved by hand while its condition still
    held: it stays quiet until the condition has ended once, or has got worse.
    """

    labels: Labels
    status: Status
    severity: Severity
    levels: Mapping[Severity, LevelState] = field(default_factory=dict)
    value: float | None = None

    def state_of(self, severity: Severity) -> LevelState:
        return self.levels.get(severity, INACTIVE)

    @property
    def since(self) -> datetime | None:
        """When its oldest breach began."""
        begun = [state.since for state in self.levels.values() if state.since]
        return min(begun, default=None)

    def worst(self, phase: Phase) -> Severity | None:
        found = [s for s, state in self.levels.items() if state.phase is phase]
        return max(found, key=lambda severity: severity.rank, default=None)


class ChangeKind(StrEnum):
    OPENED = "opened"  # pending: nobody is told
    FIRED = "fired"
    WORSENED = "worsened"
    EASED = "eased"
    RESOLVED = "resolved"
    DROPPED = "dropped"  # a pending one that came to nothing
    RELEASED = "released"  # resolved by hand before, and over now
    UPDATED = "updated"  # nothing to see: a new value, a moved clock

    @property
    def is_visible(self) -> bool:
        return self not in {ChangeKind.UPDATED, ChangeKind.RELEASED}


@dataclass(frozen=True, slots=True)
class Change:
    """What one evaluation makes of one label set; `after` is the new memory."""

    kind: ChangeKind
    fingerprint: int
    before: AlertMemory | None
    after: AlertMemory
    reason: str
