"""What beat is told to enqueue: data, not side effects."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Call:
    """One task that is due now.

    `key` names the work: while a call with the same key waits in the queue,
    beat does not enqueue it again.
    """

    path: str
    args: tuple[int | str | None, ...] = ()
    cluster: str = "default"

    @property
    def key(self) -> str:
        return ":".join((self.path, *map(str, self.args)))


_CLUSTERS = ("default", "ingest")
_HEARTBEAT_SECONDS = 5
# Its own second of each hour, apart from the round ones of others.
_FORGET_AT = (11, 41)


def due(now: datetime) -> list[Call]:
    """Let each cluster of workers prove that it is at work."""
    calls = []
    if now.second % _HEARTBEAT_SECONDS == 0:
        calls += [
            Call("accounts.tasks.worker_heartbeat", (cluster,), cluster)
            for cluster in _CLUSTERS
        ]
    if (now.minute, now.second) == _FORGET_AT:
        calls.append(Call("accounts.tasks.forget_dead_processes"))
    return calls
