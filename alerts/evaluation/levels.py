"""The levels of a rule: what reaches them and what recovers from them."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Severity(StrEnum):
    """How bad, ordered from mild to worst."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Comparator(StrEnum):
    GT = "gt"
    GE = "ge"
    LT = "lt"
    LE = "le"
    EQ = "eq"
    NE = "ne"

    @property
    def symbol(self) -> str:
        return _SYMBOLS[self]

    @property
    def rises(self) -> bool:
        """Whether a greater value is a worse one."""
        return self in {Comparator.GT, Comparator.GE}

    @property
    def falls(self) -> bool:
        """Whether a smaller value is a worse one."""
        return self in {Comparator.LT, Comparator.LE}

    def holds(self, value: float, limit: float) -> bool:
        """Compare; NaN is neither above, below, equal to nor different from anything."""
        return not math.isnan(value) and _OPERATORS[self](value, limit)

    @classmethod
    def from_text(cls, text: str) -> Comparator:
        """Return the comparator of its name or symbol. Raises ValueError."""
        return _ALIASES[text] if text in _ALIASES else cls(text)


_SYMBOLS = {
    Comparator.GT: ">",
    Comparator.GE: "≥",
    Comparator.LT: "<",
    Comparator.LE: "≤",
    Comparator.EQ: "=",
    Comparator.NE: "≠",
}
_ALIASES = {symbol: comparator for comparator, symbol in _SYMBOLS.items()} | {
    ">=": Comparator.GE,
    "<=": Comparator.LE,
    "==": Comparator.EQ,
    "!=": Comparator.NE,
}
_OPERATORS: dict[Comparator, Callable[[float, float], bool]] = {
    Comparator.GT: operator.gt,
    Comparator.GE: operator.ge,
    Comparator.LT: operator.lt,
    Comparator.LE: operator.le,
    Comparator.EQ: operator.eq,
    Comparator.NE: operator.ne,
}


@dataclass(frozen=True, slots=True)
class Level:
    """One step of a rule's severity.

    The breach must last `hold` before the level fires; a level that fires outlives
    its last breach by `keep_firing`. With a `recovery` limit it recovers only when
    the value is back past that limit, which damps values that dance on the threshold.
    """

    severity: Severity
    comparator: Comparator
    threshold: float
    recovery: float | None = None
    hold: timedelta = timedelta(0)
    keep_firing: timedelta = timedelta(0)

    @property
    def recovery_limit(self) -> float:
        return self.threshold if self.recovery is None else self.recovery

    def breached_by(self, value: float) -> bool:
        return self.comparator.holds(value, self.threshold)

    def sustained_by(self, value: float) -> bool:
        """Whether the value keeps a level firing that fires already."""
        return self.breached_by(value) or self.comparator.holds(
            value, self.recovery_limit
        )
