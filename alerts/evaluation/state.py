"""How one level of an alert moves on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from alerts.evaluation.levels import Level


class Phase(StrEnum):
    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"


class Signal(StrEnum):
    """What an evaluation says about one level."""

    BREACHED = "breached"
    BETWEEN = "between"  # no longer breached, not past the recovery threshold yet
    CLEAR = "clear"
    UNKNOWN = "unknown"  # there is no value, and the rule keeps its state then


@dataclass(frozen=True, slots=True)
class LevelState:
    phase: Phase = Phase.INACTIVE
    since: datetime | None = None
    last_breach: datetime | None = None
    # Of a rule by presence: when it was first missing, and kept firing since.
    missing_since: datetime | None = None


INACTIVE = LevelState()


def signal_of(level: Level, value: float) -> Signal:
    if level.breached_by(value):
        return Signal.BREACHED
    return Signal.BETWEEN if level.sustained_by(value) else Signal.CLEAR


def advance(
    state: LevelState, level: Level, signal: Signal, *, now: datetime
) -> LevelState:
    """Return the level's state after one evaluation of its rule."""
    if signal is Signal.BREACHED:
        since = state.since or now
        fires = state.phase is Phase.FIRING or now - since >= level.hold
        return LevelState(Phase.FIRING if fires else Phase.PENDING, since, now)

    # Only what fires lingers: a pending level has told nobody yet.
    if state.phase is not Phase.FIRING:
        return INACTIVE
    if signal is Signal.UNKNOWN:
        return state
    if signal is Signal.BETWEEN:
        return LevelState(Phase.FIRING, state.since, now)
    if state.last_breach and now - state.last_breach < level.keep_firing:
        return state
    return INACTIVE


def advance_presence(
    state: LevelState, level: Level, *, found: bool, now: datetime
) -> LevelState:
    """Return the state of a level that any answer breaches.

    As in Prometheus, `keep_firing` runs from the first evaluation that missed it.
    """
    if found:
        return advance(state, level, Signal.BREACHED, now=now)
    if state.phase is not Phase.FIRING or not level.keep_firing:
        return INACTIVE
    since = state.missing_since or now
    if now - since >= level.keep_firing:
        return INACTIVE
    return replace(state, missing_since=since)
