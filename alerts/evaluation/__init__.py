"""What a rule says about observations: pure functions, no clock, no database.

Production, the preview of a rule and the tests call the same `evaluate()`.
"""

from alerts.evaluation.engine import evaluate
from alerts.evaluation.levels import Comparator, Level, Severity
from alerts.evaluation.memory import (
    AlertMemory,
    Change,
    ChangeKind,
    NoData,
    Observation,
    RuleSpec,
    Status,
)
from alerts.evaluation.state import LevelState, Phase

__all__ = [
    "AlertMemory",
    "Change",
    "ChangeKind",
    "Comparator",
    "Level",
    "LevelState",
    "NoData",
    "Observation",
    "Phase",
    "RuleSpec",
    "Severity",
    "Status",
    "evaluate",
]
