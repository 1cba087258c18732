"""What sources scrape and probe: how each target is, as its collector saw it last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accounts.scope import Scope
from sources.models import Source, SourceTargets


@dataclass(frozen=True, slots=True)
class Pool:
    """The targets of one source.

    Each of `active` has the keys of sources.connectors.asking.TargetState; of those
    that relabelling drops, a few are shown, as they were discovered.
    """

    name: str
    active: Sequence[Mapping[str, Any]]
    dropped: Sequence[Mapping[str, str]]
    dropped_count: int


def pools(scope: Scope, name: str = "") -> list[Pool]:
    """Return the enabled sources that have targets, or the one of that name."""
    if "\0" in name:
        return []  # PostgreSQL has no such text
    sources = Source.objects.visible_to(scope).enabled().filter(targets__isnull=False)
    chosen = sources.filter(name=name) if name else sources
    return [
        _pool(source.name, source.targets)
        for source in chosen.select_related("targets").order_by("name")
    ]


def targets_of(source: Source) -> Pool | None:
    """Return the targets of one source, None where it has none to show."""
    found = SourceTargets.objects.filter(source=source).first()
    return None if found is None else _pool(source.name, found)


def _pool(name: str, targets: SourceTargets) -> Pool:
    return Pool(name, targets.active, targets.dropped, targets.dropped_count)
