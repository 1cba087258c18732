"""Who works which source: leases that a dead collector's neighbours take over.

A lease only saves work. That nothing is read twice rests on the cursors, which move
under a condition; two collectors with one source would merely disturb each other.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import psutil
from django.db import connection
from django.db.models import Q
from typing_extensions import override

from sources.models import SourceState

LEASE = timedelta(seconds=10)
RENEW_AFTER = timedelta(seconds=3)

# Rows that a worker is just counting in are left for the next time: waiting for them
# in an order of our own could end in a deadlock.
_TAKE = """
UPDATE sources_sourcestate SET lease_holder = %(holder)s, lease_expires_at = %(until)s
WHERE source_id IN (
    SELECT source_id FROM sources_sourcestate
    WHERE source_id = ANY(%(ids)s)
      AND (lease_holder = %(holder)s AND lease_expires_at < %(renew)s
           OR lease_holder = ANY(%(dead)s)
           OR lease_expires_at IS NULL OR lease_expires_at <= %(now)s)
    ORDER BY source_id FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True, slots=True)
class Holder:
    """One collector process, so named that its neighbours see whether it still lives."""

    host: str
    space: str  # processes are numbered anew in every container
    pid: int
    started: int

    @classmethod
    def of_this_process(cls) -> Self:
        process = psutil.Process()
        return cls(platform.node(), _space(), process.pid, int(process.create_time()))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        parts = text.split("|")
        try:
            host, space, pid, started = parts
            return cls(host, space, int(pid), int(started))
        except ValueError:
            return None

    @override
    def __str__(self) -> str:
        return f"{self.host}|{self.space}|{self.pid}|{self.started}"

    def sees_dead(self, other: Holder) -> bool:
        """Whether the other ran beside this one and does so no longer."""
        if (other.host, other.space) != (self.host, self.space):
            return False
        try:
            return int(psutil.Process(other.pid).create_time()) != other.started
        except psutil.NoSuchProcess:
            return True
        except psutil.AccessDenied:
            return False


def hold(source_ids: Collection[int], holder: Holder, *, now: datetime) -> set[int]:
    """Take what is free of these leases, renew what is held; return all that are held."""
    if not source_ids:
        return set()
    _make_states(source_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            _TAKE,
            {
                "holder": str(holder),
                "ids": list(source_ids),
                "dead": _dead_holders(source_ids, holder),
                "now": now,
                "until": now + LEASE,
                "renew": now + LEASE - RENEW_AFTER,
            },
        )
    mine = SourceState.objects.filter(
        source_id__in=source_ids, lease_holder=str(holder), lease_expires_at__gt=now
    )
    return set(mine.values_list("source_id", flat=True))


def release(source_ids: Collection[int], holder: Holder) -> None:
    """Let go, so that another collector need not wait for the leases to end."""
    SourceState.objects.filter(
        source_id__in=source_ids, lease_holder=str(holder)
    ).update(lease_holder="", lease_expires_at=None)


def _make_states(source_ids: Collection[int]) -> None:
    present = SourceState.objects.filter(source_id__in=source_ids)
    missing = set(source_ids) - set(present.values_list("source_id", flat=True))
    SourceState.objects.bulk_create(
        [SourceState(source_id=pk) for pk in sorted(missing)], ignore_conflicts=True
    )


def _dead_holders(source_ids: Collection[int], holder: Holder) -> list[str]:
    others = (
        SourceState.objects.filter(source_id__in=source_ids)
        .exclude(Q(lease_holder="") | Q(lease_holder=str(holder)))
        .values_list("lease_holder", flat=True)
    )
    parsed = {name: Holder.parse(name) for name in others.distinct()}
    return [name for name, other in parsed.items() if other and holder.sees_dead(other)]


def _space() -> str:
    try:
        return str(os.stat("/proc/self/ns/pid").st_ino)  # noqa: PTH116 - one number is wanted
    except OSError:
        return ""
