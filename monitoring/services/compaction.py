"""Which organizations have telemetry to compact, and doing it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from accounts.models import Organization
from accounts.scope import Scope
from monitoring.store import engine
from monitoring.store.interface import SourcesGoneError
from monitoring.store.states import Progress

__all__ = [
    "SourcesGoneError",
    "all_organizations",
    "compact",
    "organizations_to_compact",
    "progress",
]


def compact(organization_id: int, *, now: datetime) -> Iterator[int]:
    """Do one merge after the other; yield the number of blocks each has merged.

    Each merge is a transaction of its own, so that the caller may stop in between.
    0 means that another worker is compacting for the organization. Raises
    SourcesGoneError when another worker or retention was faster.
    """
    return engine.compact(organization_id, now=now)


def organizations_to_compact() -> list[int]:
    """Return the organizations with enough fresh blocks to be worth a look."""
    return engine.organizations_to_compact()


def progress(scope: Scope, now: datetime) -> Progress:
    """Return what each level holds of the whole organization, and what is behind."""
    return engine.progress(scope.organization_id, now=now)


def all_organizations() -> list[int]:
    return list(Organization.objects.order_by("pk").values_list("pk", flat=True))
