"""What beat is told to enqueue: data, not side effects."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Call:
    """One task that is due now.

    `key` names the work: while a call with the same key waits in the queue,
    beat does not enqueue it again.
    """

    path: str
    args: tuple[int | str | None, ...] = ()
    cluster: str = "default"

    @property
    def key(self) -> str:
        return ":".join((self.path, *map(str, self.args)))


def due(now: datetime) -> list[Call]:
    """Return the account work that is due: none needs a clock yet."""
    return []
