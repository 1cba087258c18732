"""kill -9 of each process in turn under load: is every line stored exactly once?"""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.bench.live_latency import background_load
from tests.platform import Platform

# What each process's command line contains.
VICTIMS = {
    "collector": "manage.py collect",
    "ingest worker": "qcluster",
    "web": "config.asgi",
    "beat": "manage.py beat",
    "redis": "redis-server",
    "postgres": "postgres -D",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    written: int
    stored: int
    distinct: int
    killed: dict[str, int]

    @property
    def exactly_once(self) -> bool:
        return self.written == self.stored == self.distinct


def run(platform: Platform, token: str, *, seconds: float, rate: int = 1000) -> Outcome:
    """Write `rate` lines a second into a tailed file while the processes die."""
    directory = platform.directory / "chaos"
    directory.mkdir()
    path = directory / "load.log"
    path.touch()
    with platform.client(token) as client:
        source = {
            "kind": "file",
            "name": "chaos",
            "config": {"paths": [f"{directory}/*.log"]},
        }
        client.post("/sources", json=source).raise_for_status()
    killed = {}
    with background_load(path, rate) as written:
        for name, fragment in VICTIMS.items():
            time.sleep(seconds / (len(VICTIMS) + 1))
            killed[name] = platform.kill(fragment)
        time.sleep(seconds / (len(VICTIMS) + 1))
    platform.wait_until_ready()
    stored = _await_count(platform, token, written[0])
    return Outcome(written[0], stored, _distinct(platform, token), killed)


def _await_count(platform: Platform, token: str, expected: int) -> int:
    """Return the stored lines, once they have stopped growing or are all there."""
    deadline, count, quiet_since = time.monotonic() + 120, -1, time.monotonic()
    with platform.client(token) as client:
        while time.monotonic() < deadline:
            response = client.get("/logs/count", params={"source": "chaos"})
            latest = (
                response.json().get("count", count) if response.is_success else count
            )
            if latest != count:
                count, quiet_since = latest, time.monotonic()
            if count >= expected and time.monotonic() - quiet_since > 2:
                break
            if time.monotonic() - quiet_since > 30:
                break
            time.sleep(0.5)
    return count


def _distinct(platform: Platform, token: str) -> int:
    """Return how many different lines are stored; each was written once."""
    lines: set[str] = set()
    parameters = {"source": "chaos", "limit": "5000", "range": "1d"}
    with platform.client(token) as client:
        while True:
            page = client.get("/logs", params=parameters).json()
            lines.update(record["line"] for record in page["results"])
            if page["next"] is None:
                return len(lines)
            parameters["cursor"] = page["next"]
