"""What beat is told to enqueue for sources: data, not side effects."""

from __future__ import annotations

from datetime import datetime, timedelta

from accounts.periodic import Call
from sources.services.claims import anything_waits
from sources.services.heartbeats.lateness import anything_late
from sources.services.live_state import anything_changed
from sources.services.pushed import INTERVAL_SECONDS, anything_pushed

# What waits for longer has no worker under way to it, or too few.
_OVERDUE = timedelta(seconds=1)
# Housekeeping has its second of each hour, apart from the round ones of others.
_HOUSEKEEPING_AT = (17, 23)
# The second of each minute in which heartbeats' states are said again.
_HEARTBEATS_AT = 11
# The second, of so many each, in which pushed groups are said again.
_GROUPS_AT = 4
# Seconds between two looks at health on open pages.
_HEALTH_EVERY = 5


def due(now: datetime) -> list[Call]:
    """Sweep what a lost nudge left; show at most once a second what has changed."""
    calls = []
    if anything_waits(now, overdue_by=_OVERDUE):
        calls.append(Call("sources.tasks.drain_inbox", cluster="ingest"))
    if anything_changed(now):
        calls.append(Call("sources.tasks.publish_states"))
    if anything_late(now):
        calls.append(Call("sources.tasks.mark_late_heartbeats"))
    if now.second == _HEARTBEATS_AT:
        calls.append(Call("sources.tasks.deposit_heartbeats"))
    if now.second % INTERVAL_SECONDS == _GROUPS_AT and anything_pushed():
        calls.append(Call("sources.tasks.deposit_pushed_groups"))
    if now.second % _HEALTH_EVERY == 0:
        calls.append(Call("sources.tasks.publish_health"))
    if (now.minute, now.second) == _HOUSEKEEPING_AT:
        calls.append(Call("sources.tasks.delete_old_records"))
    return calls
