"""A rule run over the past: what its preview and its tests are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts.evaluation.engine import evaluate
from alerts.evaluation.memory import (
    AlertMemory,
    Change,
    ChangeKind,
    Observation,
    RuleSpec,
)

_ENDS = {ChangeKind.RESOLVED, ChangeKind.DROPPED, ChangeKind.RELEASED}


@dataclass(frozen=True, slots=True)
class DatedChange:
    at: datetime
    change: Change


def replay(
    rule: RuleSpec, ticks: Iterable[tuple[datetime, Sequence[Observation]]]
) -> list[DatedChange]:
    """Return the visible changes that evaluations at these moments would have made."""
    memory: dict[int, AlertMemory] = {}
    history = []
    for now, observations in ticks:
        for change in evaluate(rule, observations, memory, now):
            if change.kind in _ENDS:
                memory.pop(change.fingerprint, None)
            else:
                memory[change.fingerprint] = change.after
            if change.kind.is_visible:
                history.append(DatedChange(now, change))
    return history
