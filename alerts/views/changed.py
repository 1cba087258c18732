"""What changed before things broke."""

from __future__ import annotations

from datetime import datetime, timedelta

from accounts.scope import Scope
from accounts.services.changes import recent_changes

DAY = timedelta(days=1)
_WORDS = {
    "source.create": "Source “{}” was added",
    "source.update": "Source “{}” was changed",
    "source.delete": "Source “{}” was deleted",
    "rule.create": "Rule “{}” was added",
    "rule.update": "Rule “{}” was changed",
    "rule.delete": "Rule “{}” was deleted",
}


def latest_change(scope: Scope, *, before: datetime) -> dict[str, str] | None:
    """Return the last change of a source or rule in the day up to a moment."""
    found = recent_changes(scope, since=before - DAY, actions=_WORDS, limit=20)
    entry = next((entry for entry in found if entry.at <= before), None)
    if entry is None:
        return None
    return {
        "title": _WORDS[entry.action].format(entry.object_name),
        "detail": f"{entry.at:%H:%M} UTC, by {entry.actor_name}.",
    }
