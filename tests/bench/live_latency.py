"""From a write to a file to a frame on a socket, under a background load.

Everything is real: `manage.py up`, the file tail, the pipeline, a WebSocket client.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import websockets

from tests.bench.report import percentile
from tests.platform import Platform

BACKGROUND_RATE = 1000
PROBES = 200
PROBE_EVERY = 0.1


@contextmanager
def background_load(path: Path, rate: int = BACKGROUND_RATE) -> Iterator[list[int]]:
    """Append `rate` lines a second to the file; yields a list with the count so far."""
    stop, written = threading.Event(), [0]

    def write() -> None:
        started = time.monotonic()
        with path.open("a") as file:
            while not stop.is_set():
                due = int((time.monotonic() - started) * rate) - written[0]
                lines, now = range(written[0], written[0] + due), time.time()
                file.write(
                    "".join(
                        f"INFO request {n} served in 12 ms at={now:.3f}\n"
                        for n in lines
                    )
                )
                file.flush()
                written[0] += due
                stop.wait(0.01)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield written
    finally:
        stop.set()
        thread.join()


async def measure(platform: Platform, token: str, directory: Path) -> dict[str, float]:
    """Return line and alert latencies in milliseconds."""
    url = f"ws://127.0.0.1:{platform.port}/ws/live"
    headers = {"Authorization": f"Bearer {token}"}
    async with websockets.connect(url, additional_headers=headers) as client:
        await client.send(
            json.dumps(
                {
                    "action": "subscribe",
                    "topic": "logs",
                    "filter": {"contains": "probe-"},
                }
            )
        )
        await client.send(json.dumps({"action": "subscribe", "topic": "alerts"}))
        sent: dict[str, float] = {}
        seen: dict[str, float] = {}
        alerts: list[float] = []
        reader = asyncio.create_task(_read(client, seen, alerts))
        with background_load(directory / "load.log"):
            await asyncio.sleep(2)
            await _write_probes(directory / "probe.log", sent)
            await asyncio.sleep(3)
        reader.cancel()
    delays = [(seen[name] - at) * 1000 for name, at in sent.items() if name in seen]
    return {
        "probes": len(sent),
        "seen": len(delays),
        "line_p50_ms": percentile(delays, 50),
        "line_p99_ms": percentile(delays, 99),
        "alerts_seen": len(alerts),
    }


async def _write_probes(path: Path, sent: dict[str, float]) -> None:
    for number in range(PROBES):
        name = f"probe-{number:04d}"
        with path.open("a") as file:
            sent[name] = time.time()
            file.write(f"ERROR payment failed {name}\n")
        await asyncio.sleep(PROBE_EVERY)


async def _read(
    client: websockets.ClientConnection, seen: dict[str, float], alerts: list[float]
) -> None:
    async for frame in client:
        message = json.loads(frame)
        if message.get("topic") == "alerts":
            alerts.append(time.time())
        elif message["type"] == "event":
            line = message["data"]["line"]
            seen.setdefault(line[line.index("probe-") :][:10], time.time())
