"""From the acknowledgement of a write to the first query that sees it, when idle.

Everything is real: `manage.py up`, remote write, and a client that asks until it sees
the sample; so the time of a query is in it. Every second series is a new one.
"""

from __future__ import annotations

import time

import httpx
import numpy as np

from monitoring.labels import make_labels
from tests.bench.metrics_data import Data, write_requests
from tests.bench.report import percentile
from tests.platform import Platform

PROBES = 60
GIVE_UP = 5.0


def measure(platform: Platform, token: str) -> dict[str, float]:
    """Return figures in milliseconds."""
    headers = {"Authorization": f"Bearer {token}"}
    acknowledged: list[float] = []
    delays: dict[str, list[float]] = {"new": [], "known": []}
    with httpx.Client(base_url=platform.url, headers=headers, timeout=20) as client:
        for number in range(PROBES):
            kind = ("new", "known")[number % 2]
            name = f"fresh_{number}" if kind == "new" else "fresh"
            began = time.perf_counter()
            ts_ms = _write(client, name, float(number))
            written = time.perf_counter()
            acknowledged.append((written - began) * 1000)
            if _await(client, name, ts_ms, float(number)):
                delays[kind].append((time.perf_counter() - written) * 1000)
            time.sleep(0.15)
    both = [*delays["new"], *delays["known"]]
    return {
        "probes": PROBES,
        "seen": len(both),
        "acknowledged_p50_ms": percentile(acknowledged, 50),
        "seen_p50_ms": percentile(both, 50),
        "seen_p90_ms": percentile(both, 90),
        "new_series_p50_ms": percentile(delays["new"], 50),
        "known_series_p50_ms": percentile(delays["known"], 50),
    }


def _write(client: httpx.Client, name: str, value: float) -> int:
    ts_ms = int(time.time() * 1000)
    labels = make_labels({"__name__": name, "job": "probe"})
    data = Data((labels,), np.array([ts_ms]), np.array([[value]]))
    (body,) = write_requests(data, 1)
    client.post(
        "/api/v1/write",
        content=body,
        headers={
            "Content-Encoding": "snappy",
            "Content-Type": "application/x-protobuf",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        },
    ).raise_for_status()
    return ts_ms


def _await(client: httpx.Client, name: str, ts_ms: int, value: float) -> bool:
    deadline = time.perf_counter() + GIVE_UP
    question = {"query": name, "time": str((ts_ms + 1) / 1000)}
    while time.perf_counter() < deadline:
        answer = client.get("/prometheus/api/v1/query", params=question).json()
        found = answer["data"]["result"]
        if found and float(found[0]["value"][1]) == value:
            return True
    return False
