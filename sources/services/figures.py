"""What a source's rules have done to its lines, counted with the lines themselves."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import F

from sources.services.state import update_state


@dataclass(slots=True)
class Figures:
    """Sums over some batches of one source.

    `filtered` and `sampled` lines were dropped by filters and by sampling, `limited`
    records refused or dropped by the rate limit; in `masked` lines something was
    hidden. `derived` samples were made of lines, and of `derive_errors` lines none
    could be, because their field is no number.
    """

    filtered: int = 0
    sampled: int = 0
    limited: int = 0
    masked: int = 0
    derived: int = 0
    derive_errors: int = 0

    @property
    def any(self) -> bool:
        return any(getattr(self, name) for name in NAMES)

    def add(self, **more: int) -> None:
        for name, count in more.items():
            setattr(self, name, getattr(self, name) + count)


NAMES = tuple(each.name for each in fields(Figures))

_ADD = f"""
INSERT INTO sources_sourceminute AS total (
    source_id, minute, lines, samples, bytes, batches, latency_ms_sum, failures,
    {", ".join(NAMES)})
SELECT %s, %s, 0, 0, 0, 0, 0, 0, {", ".join(["%s"] * len(NAMES))}
WHERE EXISTS (SELECT FROM sources_source WHERE id = %s)
ON CONFLICT (source_id, minute) DO UPDATE SET
    {", ".join(f"{name} = total.{name} + excluded.{name}" for name in NAMES)}
"""  # noqa: S608 - names of our own


def changes_of(figures: Figures) -> dict[str, Any]:
    """Return what the figures add to the source's state."""
    return {f"{n}_total": F(f"{n}_total") + getattr(figures, n) for n in NAMES}


def add_to_minute(source_id: int, figures: Figures, now: datetime) -> None:
    minute = now.replace(second=0, microsecond=0)
    sums = [getattr(figures, name) for name in NAMES]
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [source_id, minute, *sums, source_id])


def note_limited(source_id: int, count: int, now: datetime) -> None:
    """Count records that the rate limit has kept out."""
    figures = Figures(limited=count)
    update_state(source_id, changes_of(figures))
    add_to_minute(source_id, figures, now)
