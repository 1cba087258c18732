"""Which organizations have telemetry to compact, and doing it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import chain

from accounts.models import Organization
from monitoring.store.compaction import (
    SourcesGoneError,
    organizations_with_fresh_blocks,
)
from monitoring.store.log_compaction import compact_logs
from monitoring.store.sample_compaction import compact_samples

__all__ = [
    "SourcesGoneError",
    "all_organizations",
    "compact",
    "organizations_to_compact",
]


def compact(organization_id: int, *, now: datetime) -> Iterator[int]:
    """Do one merge after the other; yield the number of blocks each has merged.

    Each merge is a transaction of its own, so that the caller may stop in between.
    0 means that another worker is compacting for the organization. Raises
    SourcesGoneError when retention was faster.
    """
    return chain(
        compact_samples(organization_id, now=now),
        compact_logs(organization_id, now=now),
    )


def organizations_to_compact() -> list[int]:
    """Return the organizations with enough fresh blocks to be worth a look."""
    return organizations_with_fresh_blocks()


def all_organizations() -> list[int]:
    return list(Organization.objects.order_by("pk").values_list("pk", flat=True))
