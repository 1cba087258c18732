"""Access lines by Loki's push into a whole platform with 50 patterns armed.

Bodies (protobuf, snappy) are made before the clock starts; two connections send them.
Two rates come of it: until the last 204, and until the last line can be read. Where
processes fight for the processors, what a worker stores in a second of its own time
says more.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import cramjam
import httpx
import numpy as np

from tests.bench.access_log import HOSTS, PATTERNS, access_lines
from tests.platform import Platform

PER_BODY, CONNECTIONS = 5_000, 2
PATIENCE = 120.0

_ARM = (
    "from accounts.models import Organization\n"
    "from tests.bench.logs import arm\n"
    "arm(Organization.objects.get(slug='demo'))"
)


def measure(platform: Platform, token: str, *, lines: int) -> dict[str, object]:
    platform.manage("shell", "-c", _ARM)
    bodies = _bodies(lines)
    before = _cpu_seconds(platform)
    started = time.perf_counter()
    threads = [
        threading.Thread(target=_send, args=(platform, token, bodies[n::CONNECTIONS]))
        for n in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    accepted = time.perf_counter() - started
    stored = _wait_until_stored(platform, token, lines, started)
    used = {
        name: spent - before[name] for name, spent in _cpu_seconds(platform).items()
    }
    return {
        "lines": lines,
        "patterns": PATTERNS,
        "accepted_lines_per_second": round(lines / accepted),
        "stored_lines_per_second": round(lines / stored),
        "stored_lines_per_worker_cpu_second": round(lines / used["ingest"]),
        **{
            f"{name}_cpu_us_per_line": round(1e6 * spent / lines, 2)
            for name, spent in used.items()
        },
    }


def _cpu_seconds(platform: Platform) -> dict[str, float]:
    """Return what the ingest workers and the web process have used."""
    of_queues = platform.pids("qcluster")
    ingest = [pid for pid in of_queues if b"Q_CLUSTER_NAME=ingest" in _environment(pid)]
    kinds = {"ingest": ingest, "web": platform.pids("config.asgi")}
    return {name: sum(map(_spent, pids)) for name, pids in kinds.items()}


def _environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def _spent(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _send(platform: Platform, token: str, bodies: list[bytes]) -> None:
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/x-protobuf",
    }
    with httpx.Client(base_url=platform.url, headers=headers, timeout=60) as client:
        for body in bodies:
            while True:
                answer = client.post("/loki/api/v1/push", content=body)
                if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                    break
                time.sleep(float(answer.headers.get("retry-after", "1")))
            answer.raise_for_status()


def _wait_until_stored(
    platform: Platform, token: str, lines: int, started: float
) -> float:
    """Return the seconds until all lines can be counted."""
    with platform.client(token) as client:
        while True:
            found = client.get("/logs/count", params={"match": '{bench="push"}'})
            passed = time.perf_counter() - started
            if found.json()["count"] >= lines:
                return passed
            if passed > PATIENCE:
                raise TimeoutError(
                    f"{found.text} of {lines}: {platform.output()[-900:]}"
                )
            time.sleep(0.1)


def _bodies(lines: int) -> list[bytes]:
    ts_ns, text = access_lines(lines, seed=1, end_ns=time.time_ns())
    written = [line.encode() for line in text.to_pylist()]
    return [
        _body(ts_ns[start : start + PER_BODY], written[start : start + PER_BODY])
        for start in range(0, lines, PER_BODY)
    ]


def _body(ts_ns: np.ndarray, lines: list[bytes]) -> bytes:  # type: ignore[type-arg]
    """Return a push in which every host has its share of the lines."""
    streams = b""
    for host in range(HOSTS):
        entries = b"".join(
            _part(2, _part(1, _time(int(ts))) + _part(2, line))
            for ts, line in zip(ts_ns[host::HOSTS], lines[host::HOSTS], strict=True)
        )
        labels = f'{{bench="push", host="web-{host}"}}'.encode()
        streams += _part(1, _part(1, labels) + entries)
    return bytes(cramjam.snappy.compress_raw(streams))


def _time(ts_ns: int) -> bytes:
    seconds, nanos = divmod(ts_ns, 10**9)
    return b"\x08" + _varint(seconds) + b"\x10" + _varint(nanos)


def _part(number: int, value: bytes) -> bytes:
    """Return a field of bytes, as protobuf writes it."""
    return bytes([number << 3 | 2]) + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    return bytes([*written, number])
