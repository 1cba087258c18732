"""How one level of an alert moves on."""

from __future__ import annotations

from dataclasses import dataclass
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
