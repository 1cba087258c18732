"""Storing and searching access lines, beside `grep` and `zstd -dc | grep` on the same text.

Lines go the way of all lines: inbox, pipeline with armed patterns, compaction. Each
question is asked several times and the best counts: "first" with no block open, "again"
with those open that find room. So with grep, whose file is in the page cache. Beside the
clock stands the processor's time, without PostgreSQL's: other work disturbs it less.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from django.db import connection
from django.utils import timezone

from accounts.models import Organization
from accounts.scope import Scope
from accounts.services.organizations import create_organization
from alerts.models import Rule, RuleLevel
from config.services.memory import prepare_for_batches
from monitoring.services import compaction
from monitoring.services.log_queries import log_querier
from monitoring.store.open_blocks import open_blocks
from monitoring.telemetry import LOG_COLUMNS, LineFilter, LineOp, LogBatch, nanoseconds
from sources.models import BatchKind
from sources.services.inbox import Arrival, deposit
from sources.services.pipeline import drain
from tests.bench.access_log import HOSTS, PATTERNS, RATE, access_lines

BATCH = 10_000
# Deposited before the workers are let at it: what the inbox holds at a time.
WAVE = 200_000
NEEDLE = "?id=7f3a91c2"
NEEDLES = 5
REGEX = r'"POST /[a-z]+/sofa-.*" 50[0-9] '
MINUTE = 60 * 10**9


def measure(lines: int) -> dict[str, object]:
    """Return the figures of `lines` lines; the raw text is written to a file for grep."""
    prepare_for_batches()  # As workers do.
    organization, _ = create_organization(f"logs-{lines}")
    arm(organization)
    now = timezone.now()
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        raw = Path(directory) / "raw.log"
        figures = _store(organization, lines, raw, now)
        figures |= _disk(lines, raw)
        figures |= _ask(organization, lines, raw, now)
    return figures


def _store(
    organization: Organization, lines: int, raw: Path, now: datetime
) -> dict[str, object]:
    spent, merging, longest = 0.0, 0.0, 0.0
    with raw.open("wb") as file:
        for number, start in enumerate(range(0, lines, WAVE)):
            count = min(WAVE, lines - start)
            end_ns = nanoseconds(now) - (lines - start - count) * 10**9 // RATE
            wave = _wave(count, number, end_ns, last=start + count == lines)
            file.write(_joined(wave[1]))
            _deposit(organization, *wave, now)
            spent += _timed(_drain)
            took = _timed(lambda: _compact(organization))
            merging, longest = merging + took, max(longest, took)
            if number % 5 == 4:
                _vacuum()
    return {
        "lines": lines,
        "raw_bytes_per_line": round(raw.stat().st_size / lines, 1),
        "stored_lines_per_second_by_one_worker": round(lines / spent),
        "compacted_lines_per_second": round(lines / merging),
        "longest_compaction_s": round(longest, 2),
    }


def _vacuum() -> None:
    """As PostgreSQL does by itself every minute: the space of merged blocks is free."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM monitoring_logblock")


def _wave(
    count: int, number: int, end_ns: int, *, last: bool
) -> tuple[np.ndarray[Any, np.dtype[np.int64]], pa.Array]:
    """Return times and lines; the last wave has the needles."""
    ts_ns, text = access_lines(count, seed=number, end_ns=end_ns)
    if not last:
        return ts_ns, text
    marked = text.to_pylist()
    for n in range(NEEDLES):
        place = n * count // NEEDLES
        marked[place] = marked[place].replace(" HTTP", f"{NEEDLE} HTTP", 1)
    return ts_ns, pa.array(marked, pa.large_string())


def _joined(lines: pa.Array) -> bytes:
    return "\n".join([*lines.to_pylist(), ""]).encode()


def _deposit(
    organization: Organization, ts_ns: Any, text: pa.Array, now: datetime
) -> None:
    """Every batch has lines of all hosts, as a shipper's push has."""
    streams = tuple((("host", f"web-{n}"), ("source", "shop")) for n in range(HOSTS))
    for start in range(0, len(ts_ns), BATCH):
        part = slice(start, start + BATCH)
        line = text.slice(start, BATCH)
        count = len(line)
        stream = (np.arange(count) * 7 % HOSTS).astype(np.int32)
        columns = [
            pa.array(stream),
            pa.array(ts_ns[part]),
            line,
            pa.nulls(count, pa.int8()),
        ]
        batch = LogBatch(streams, pa.table(columns, schema=LOG_COLUMNS))
        deposit([_arrival(organization, batch, now)])


def _arrival(organization: Organization, batch: LogBatch, now: datetime) -> Arrival:
    return Arrival(
        organization_id=organization.pk,
        source_id=None,
        team_id=None,
        priority=1,
        kind=BatchKind.LOGS,
        payload=batch.encode(),
        count=batch.count,
        size=batch.table.column("line").nbytes,
        received_at=now,
    )


def arm(organization: Organization) -> None:
    """Rules as people write them: each seeks an error of its own, few ever match."""
    for number in range(PATTERNS):
        rule = Rule.unscoped.create(
            organization=organization,
            kind="pattern",
            name=f"pattern {number}",
            pattern=rf"(?:panic|exception) in module_{number:03d}:\s+\w+Error",
            group_by=["host"],
        )
        RuleLevel.objects.create(
            rule=rule, position=0, severity="warning", comparator="ge", threshold=5
        )


def _drain() -> None:
    while not drain(timezone.now()).found_nothing:
        pass


def _compact(organization: Organization) -> None:
    while sum(compaction.compact(organization.pk, now=timezone.now())):
        pass


def _disk(lines: int, raw: Path) -> dict[str, object]:
    """Everything the log tables take, indexes, filters and free space included."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE monitoring_logblock")
        cursor.execute(
            "SELECT sum(pg_total_relation_size(inhrelid)),"
            " (SELECT sum(octet_length(payload)) FROM monitoring_logblock),"
            " (SELECT sum(octet_length(token_filter)) FROM monitoring_logblock),"
            " (SELECT count(*) FROM monitoring_logblock)"
            " FROM pg_inherits WHERE inhparent = 'monitoring_logblock'::regclass"
        )
        total, payload, filters, blocks = cursor.fetchone()
    size = raw.stat().st_size
    return {
        "blocks": blocks,
        "raw_by_stored": round(size / float(payload + filters), 2),
        "raw_by_disk_with_indexes_and_free_space": round(size / float(total), 2),
        "filters_percent_of_raw": round(100 * filters / size, 2),
    }


def _ask(
    organization: Organization, lines: int, raw: Path, now: datetime
) -> dict[str, object]:
    scope = Scope.of_system(organization.pk, organization.slug)
    start, end = nanoseconds(now) - lines * 10**9 // RATE - MINUTE, nanoseconds(now) + 1
    starts = np.arange(start, end, MINUTE)
    packed = raw.with_suffix(".zst")
    subprocess.run(["zstd", "-q", "-3", str(raw), "-o", str(packed)], check=True)

    def search(op: LineOp, text: str) -> int:
        # The clock of a querier runs from when it is made.
        found = log_querier(scope).select(
            [], [LineFilter(op, (text,))], start, end, fields=[]
        )
        return sum(chunk.count for chunk in found)

    def grep(*options: str) -> int:
        return _output(["grep", "-c", *options, str(raw)])

    def unpacked(*options: str) -> int:
        quoted = " ".join(f"'{option}'" for option in options)
        return _output(["sh", "-c", f"zstd -dc {packed} | grep -c {quoted}"])

    asked: dict[str, Callable[[], int]] = {
        "needle": lambda: search(LineOp.CONTAINS, NEEDLE),
        "needle_grep": lambda: grep("-F", NEEDLE),
        "needle_zstd_grep": lambda: unpacked("-F", NEEDLE),
        "regex": lambda: search(LineOp.MATCHES, REGEX),
        "regex_grep": lambda: grep("-E", REGEX),
        "regex_zstd_grep": lambda: unpacked("-E", REGEX),
        "count_per_minute_by_host": lambda: int(
            log_querier(scope).count([], [], starts, starts + MINUTE).counts.sum()
        ),
        "count_of_a_word": lambda: int(
            log_querier(scope)
            .count(
                [], [LineFilter(LineOp.CONTAINS, ("Firefox",))], starts, starts + MINUTE
            )
            .counts.sum()
        ),
    }
    figures: dict[str, object] = {}
    for name, question in asked.items():
        if "grep" not in name:
            figures |= _best(f"{name}_first", question, before=open_blocks.clear)
            figures |= _best(f"{name}_again", question)
        else:
            figures |= _best(name, question)
    return figures


def _best(
    name: str, question: Callable[[], int], before: Callable[[], None] | None = None
) -> dict[str, object]:
    """Return the least of some times, by the clock and of the processor."""
    answers, clock, processor = set(), [], []
    for _ in range(5):
        if before is not None:
            before()
        used, started = sum(os.times()[:4]), time.perf_counter()
        answers.add(question())
        clock.append(time.perf_counter() - started)
        processor.append(sum(os.times()[:4]) - used)
    return {
        f"{name}_ms": round(1000 * min(clock), 1),
        f"{name}_cpu_ms": round(1000 * min(processor)),
        f"{name}_found": answers.pop(),
    }


def _output(command: list[str]) -> int:
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env={"LC_ALL": "C"}
    )
    return int(done.stdout)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
