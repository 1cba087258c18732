"""What compaction has to say of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class LevelState:
    """What a level of compaction, or the roll-ups of one step, take; `size` in bytes."""

    name: str
    blocks: int
    records: int
    size: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """`windows` are to be rolled up.

    `behind` is how long ago the oldest window ended whose samples are not yet sorted by
    metric, although there are enough of them, or not yet rolled up.
    """

    windows: int
    behind: timedelta


@dataclass(frozen=True, slots=True)
class Progress:
    samples: Sequence[LevelState]
    rollups: Sequence[LevelState]
    lines: Sequence[LevelState]
    backlog: Backlog
