"""What 500 armed patterns cost when a file of 200,000 lines comes in.

Both runs are in one process on one fresh database and alternate, so that a noisy
machine disturbs both alike; the best of each counts.
"""

from __future__ import annotations

import random
import time
from datetime import datetime

import pyarrow as pa
from django.utils import timezone

from accounts.models import Organization
from accounts.services.organizations import create_organization
from alerts.models import Rule, RuleLevel
from monitoring.telemetry import LOG_COLUMNS, LogBatch
from sources.models import BatchKind, Source
from sources.services.inbox import Arrival, deposit
from sources.services.pipeline import drain

LINES = 200_000
PATTERNS = 500
BATCH = 20_000
ROUNDS = 3


def measure() -> dict[str, float]:
    plain, armed = (create_organization(slug)[0] for slug in ("plain", "armed"))
    _arm(armed)
    lines = access_lines(LINES)
    _ingest(plain, lines[:BATCH], 0)  # Imports, caches, partitions.
    _ingest(armed, lines[:BATCH], 0)
    times: dict[str, list[float]] = {"plain": [], "armed": []}
    for number in range(1, ROUNDS + 1):
        times["plain"].append(_ingest(plain, lines, number))
        times["armed"].append(_ingest(armed, lines, number))
    without, with_patterns = min(times["plain"]), min(times["armed"])
    return {
        "lines": LINES,
        "patterns": PATTERNS,
        "lines_per_second_without": round(LINES / without),
        "lines_per_second_with": round(LINES / with_patterns),
        "ratio": round(with_patterns / without, 3),
    }


def access_lines(count: int) -> list[str]:
    """Return access log lines of about 140 bytes, the same on every run."""
    rng = random.Random(7)
    return [
        f"192.0.2.{rng.randrange(256)} - - [10/Oct/2026:13:{rng.randrange(60):02d}:"
        f"{rng.randrange(60):02d} +0000] "
        f'"GET /shop/{rng.randrange(9999)}/item?id={rng.randrange(10**6)} HTTP/1.1" '
        f'{rng.choice((200, 200, 200, 304, 404, 500))} {rng.randrange(90000)} "-" '
        f'"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/{rng.randrange(150)}.0"'
        for _ in range(count)
    ]


def _arm(organization: Organization) -> None:
    """Rules as people write them: each seeks an error of its own, few ever match."""
    for number in range(PATTERNS):
        rule = Rule.unscoped.create(
            organization=organization,
            kind="pattern",
            name=f"pattern {number}",
            pattern=rf"(?:panic|exception) in module_{number:03d}:\s+\w+Error",
            group_by=["source"],
        )
        RuleLevel.objects.create(
            rule=rule, position=0, severity="warning", comparator="ge", threshold=5
        )


def _ingest(organization: Organization, lines: list[str], number: int) -> float:
    """Return the seconds that workers need to store the lines."""
    source, _ = Source.unscoped.get_or_create(
        organization=organization, kind="push", name=f"round-{number}"
    )
    now = timezone.now()
    for start in range(0, len(lines), BATCH):
        deposit([_arrival(organization, source, lines[start : start + BATCH], now)])
    started = time.perf_counter()
    while not drain(timezone.now()).found_nothing:
        pass
    return time.perf_counter() - started


def _arrival(
    organization: Organization, source: Source, lines: list[str], now: datetime
) -> Arrival:
    columns = [
        pa.array([0] * len(lines), pa.int32()),
        pa.nulls(len(lines), pa.int64()),
        pa.array(lines, pa.large_string()),
        pa.nulls(len(lines), pa.int8()),
    ]
    table = pa.table(columns, schema=LOG_COLUMNS)
    batch = LogBatch(((("source", source.name),),), table)
    return Arrival(
        organization_id=organization.pk,
        source_id=source.pk,
        team_id=None,
        priority=1,
        kind=BatchKind.LOGS,
        payload=batch.encode(),
        count=len(lines),
        size=sum(map(len, lines)),
        received_at=now,
    )
