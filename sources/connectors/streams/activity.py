"""How busy a Rocket.Chat is, as metrics. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sources.connectors.streams.parcels import Point

STATES = ("online", "away", "busy", "offline")
# As stream-notify-logged writes a user's state.
_BY_NUMBER = ("offline", "online", "away", "busy")
_USERS = dict(
    zip(STATES, ("onlineUsers", "awayUsers", "busyUsers", "offlineUsers"), strict=True)
)
_FIGURES = {
    "rocketchat_users_total": "totalUsers",
    "rocketchat_users_active": "activeUsers",
    "rocketchat_messages_total": "totalMessages",
    "rocketchat_rooms_total": "totalRooms",
    "rocketchat_channels_total": "totalChannels",
    "rocketchat_private_groups_total": "totalPrivateGroups",
    "rocketchat_direct_rooms_total": "totalDirect",
    "rocketchat_threads_total": "totalThreads",
    "rocketchat_uploads_total": "uploadsTotal",
    "rocketchat_connected_users": "totalConnectedUsers",
    "rocketchat_instances": "instanceCount",
}


def of_statistics(found: Any, ts_ms: int) -> list[Point]:
    """Return the figures of GET /api/v1/statistics that are numbers."""
    if not isinstance(found, Mapping):
        return []
    points = [
        Point(name, {}, float(found[key]), ts_ms)
        for name, key in _FIGURES.items()
        if _is_number(found.get(key))
    ]
    points += [
        Point("rocketchat_users", {"status": state}, float(found[key]), ts_ms)
        for state, key in _USERS.items()
        if _is_number(found.get(key))
    ]
    version = found.get("version")
    if isinstance(version, str):
        points.append(Point("rocketchat_info", {"version": version[:40]}, 1.0, ts_ms))
    return points


def of_presence(found: Any, ts_ms: int) -> list[Point]:
    """Return how many users are in which state, of GET /api/v1/users.presence."""
    users = found.get("users") if isinstance(found, Mapping) else None
    if not isinstance(users, list):
        return []
    counts = Counter(u.get("status") for u in users if isinstance(u, Mapping))
    return [
        Point("rocketchat_users", {"status": state}, float(counts[state]), ts_ms)
        for state in STATES
        # Who is offline is not listed.
        if state != "offline"
    ]


class Heard:
    """Counts what comes live; begins at 0 with every connector."""

    def __init__(self) -> None:
        self.messages = 0
        self.changes: Counter[str] = Counter()

    def message(self) -> None:
        self.messages += 1

    def status(self, args: list[Any]) -> None:
        """Hear of a user's state: [[id, name, number, text]]."""
        for one in args:
            number = one[2] if isinstance(one, list) and len(one) > 2 else None  # noqa: PLR2004 - the third
            if isinstance(number, int) and 0 <= number < len(_BY_NUMBER):
                self.changes[_BY_NUMBER[number]] += 1

    def points(self, ts_ms: int) -> list[Point]:
        return [
            Point("rocketchat_messages_heard_total", {}, float(self.messages), ts_ms),
            *(
                Point(
                    "rocketchat_user_status_changes_total",
                    {"status": state},
                    float(self.changes[state]),
                    ts_ms,
                )
                for state in STATES
            ),
        ]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
