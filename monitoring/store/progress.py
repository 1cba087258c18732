"""How far compaction has come: what each level holds, and what is behind."""

from __future__ import annotations

from datetime import UTC, datetime

from monitoring.store.connection import fetch
from monitoring.store.rollups import GRACE, TABLE, WINDOW_MS
from monitoring.store.sample_compaction import FEW_SAMPLES
from monitoring.store.states import Backlog, LevelState, Progress


def progress(organization_id: int, *, now: datetime) -> Progress:
    return Progress(
        samples=_levels("monitoring_sampleblock", "level::text", organization_id),
        rollups=_levels(TABLE, "step_ms / 1000 || 's'", organization_id),
        lines=_levels("monitoring_logblock", "level::text", organization_id),
        backlog=_backlog(organization_id, now),
    )


def _levels(table: str, name: str, organization_id: int) -> list[LevelState]:
    rows = fetch(
        f"SELECT {name}, count(*), sum(count)::bigint,"  # noqa: S608 - constants
        f" sum(octet_length(payload))::bigint FROM {table}"
        " WHERE organization_id = %s GROUP BY 1 ORDER BY 1",
        [organization_id],
    )
    return [LevelState(*row) for row in rows]


def _backlog(organization_id: int, now: datetime) -> Backlog:
    over = int((now - GRACE).timestamp() * 1000)
    ((windows, rolled_late),) = fetch(
        "SELECT count(DISTINCT end_ts), min(end_ts) FROM monitoring_rollupdue"
        " WHERE organization_id = %s AND end_ts <= %s",
        [organization_id, over],
    )
    mixed_late = fetch(
        "SELECT (max_ts / %(window)s + 1) * %(window)s FROM monitoring_sampleblock"
        " WHERE organization_id = %(organization)s AND level = 0"
        " AND (max_ts / %(window)s + 1) * %(window)s <= %(over)s"
        " GROUP BY 1 HAVING sum(count) >= %(few)s ORDER BY 1 LIMIT 1",
        {
            "window": WINDOW_MS,
            "organization": organization_id,
            "over": over,
            "few": FEW_SAMPLES,
        },
    )
    late = [end for (end,) in mixed_late]
    late += [] if rolled_late is None else [rolled_late]
    oldest = datetime.fromtimestamp(min(late) / 1000, tz=UTC) if late else now
    return Backlog(int(windows), now - oldest)
