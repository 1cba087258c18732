"""What reaches out for telemetry: one class for each kind, the same four methods each.

A connector reads and remembers, and stores nothing itself: the collector deposits
what `poll` returned and tells `settle` how that went. So a connector needs no care
for a lost database: what was not stored is returned by the next `poll` again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar

from monitoring.telemetry import LogBatch, SampleBatch


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """What a connector must know of its source; another spec means another connector."""

    id: int
    organization_id: int
    team_id: int | None
    kind: str
    name: str
    config: Mapping[str, Any]
    labels: Mapping[str, str]
    priority: int
    format: str = ""  # of its lines; empty: recognised later
    event_start: str = ""  # how an event begins in a format of the organization's own


@dataclass(frozen=True, slots=True)
class Advance:
    """One file was read from the old offset to the new one."""

    cursor_id: int
    old_offset: int
    new_offset: int
    path: str


@dataclass(frozen=True, slots=True)
class Move:
    """A stream goes on from another position; `moves` is how often it has moved."""

    moves: int
    position: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Harvest:
    """What one poll brought: to be stored in one transaction with its advances.

    `more` are batches that came with the first one.
    """

    batch: LogBatch | SampleBatch
    size: int  # bytes of raw telemetry
    advances: tuple[Advance, ...] = ()
    move: Move | None = None
    more: tuple[LogBatch | SampleBatch, ...] = ()
    rejected: int = 0  # messages that came and were not taken; the source counts them

    @property
    def batches(self) -> tuple[LogBatch | SampleBatch, ...]:
        return (self.batch, *self.more)


class Outcome(Enum):
    """What became of a harvest."""

    STORED = "stored"
    REFUSED = "refused"  # nothing is stored: the next poll returns it again
    CONFLICT = "conflict"  # another collector has advanced one of the cursors


class Connector(ABC):
    """Works one source. Used from one thread; only `wake` is called from others."""

    # What it would see now cannot be read later: poll it even while nothing can be
    # stored, and let it hold what it saw.
    perishable: ClassVar[bool] = False

    # A sentence that says what is wrong and what to do; empty while all is well.
    problem: str = ""

    # When it wants to be polled though nobody woke it.
    due_at: datetime

    def __init__(self, spec: SourceSpec, wake: Callable[[], None]) -> None:
        self.spec = spec
        self.wake = wake

    @abstractmethod
    def open(self, now: datetime) -> None:
        """Begin; `wake` may be called from now on."""

    @abstractmethod
    def poll(self, now: datetime) -> Harvest | None:
        """Return what is to be stored next.

        A harvest that is not settled before the next poll was refused.
        Raises django.db.Error when the database is away.
        """

    @abstractmethod
    def settle(self, outcome: Outcome, now: datetime) -> None:
        """Hear what became of the harvest that `poll` returned last."""

    def finish(self) -> bool:
        """Read no more; return whether polls are to bring in what is held nowhere else.

        Called before `close`, but not where the process or the database has died.
        """
        return False

    @abstractmethod
    def close(self) -> None:
        """Stop and let go of everything; what `finish` has not brought in is lost."""
