"""What beat is told to enqueue for telemetry: data, not side effects."""

from __future__ import annotations

from datetime import datetime

from accounts.periodic import Call
from monitoring.services import archive, deletion
from monitoring.services.compaction import organizations_to_compact
from monitoring.services.pattern_mining import organizations_to_mine

COMPACT_EVERY_SECONDS = 15
MINE_EVERY_SECONDS = 5

# Hourly work has its minute and second, apart from the round ones of others.
_FINISH_DAYS_AT = (7, 8)
_PREPARE_AT = (27, 38)
_RETAIN_AT = (37, 53)
_SWEEP_AT = (47, 19)

# Work of every minute has its second.
_DELETE_AT = 23
_ARCHIVE_AT = 41


def due(now: datetime) -> list[Call]:
    """Compact where there is enough; look after days before they come and as they go."""
    calls = []
    if now.second % COMPACT_EVERY_SECONDS == 0:
        calls += [
            Call("monitoring.tasks.compact", (organization_id,))
            for organization_id in organizations_to_compact()
        ]
    if now.second % MINE_EVERY_SECONDS == 0:
        calls += [
            Call("monitoring.tasks.mine_patterns", (organization_id,))
            for organization_id in organizations_to_mine()
        ]
    if now.second == _DELETE_AT and deletion.is_anything_open():
        calls.append(Call("monitoring.tasks.delete_requested"))
    if now.second == _ARCHIVE_AT and archive.is_configured():
        calls.append(Call("monitoring.tasks.archive_old_days"))
    moment = (now.minute, now.second)
    if moment == _FINISH_DAYS_AT:
        calls.append(Call("monitoring.tasks.compact_finished_days"))
    if moment == _PREPARE_AT:
        calls.append(Call("monitoring.tasks.prepare_partitions"))
    if moment == _RETAIN_AT:
        calls.append(Call("monitoring.tasks.apply_retention"))
    if moment == _SWEEP_AT and archive.is_configured():
        calls.append(Call("monitoring.tasks.sweep_archive"))
    return calls
