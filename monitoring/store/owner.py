"""For whom something is registered, and by one transaction at a time."""

from __future__ import annotations

from dataclasses import dataclass

from monitoring.store.connection import fetch


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose telemetry is written: an organization's, or that of one team in it."""

    organization_id: int
    team_id: int | None


def lock(owner: Owner) -> None:
    """Be the only one who registers for this organization, until the commit."""
    fetch(
        "SELECT pg_advisory_xact_lock(hashtextextended('monitoring.registry', %s))",
        [owner.organization_id],
    )
