"""Remote write against Prometheus and VictoriaMetrics: the same bodies to each.

5,000 series, 1,000 samples a request, two connections; each connection has half of
the series and sends them round by round, 15 s apart. A sample counts when its request
is acknowledged, which means committed here and written to the log there.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cramjam
import numpy as np

from tests.factories.remote_write import nested, series
from tests.platform import free_port, running_platform

SERIES, PER_REQUEST, CONNECTIONS = 5_000, 1_000, 2
STEP_MS = 15_000
# Whoever has just started, and has just met 5,000 series, has other things to do.
SETTLE_SECONDS = 3.0
REQUESTS = 4_000  # To all connections together.

PROMETHEUS = "/usr/bin/prometheus"
VICTORIA = "/usr/bin/victoria-metrics"


@dataclass(frozen=True, slots=True)
class Target:
    """One receiver: where it is, what is said besides, and how big it has become."""

    port: int
    write: str
    query: str
    headers: Mapping[str, str]
    pids: Callable[[], Sequence[int]]


def measure(requests: int = REQUESTS) -> dict[str, object]:
    """Return samples a second and more of each receiver that is installed."""
    end_ms = int(time.time() * 1000) - 10_000
    bodies = [_bodies(half, requests // CONNECTIONS, end_ms) for half in range(2)]
    found: dict[str, object] = {}
    rates: dict[str, float] = {}
    for name, start in _TARGETS.items():
        with start() as target:
            rates[name], figures = _run(target, bodies, end_ms)
        found.update({f"{name}: {figure}": value for figure, value in figures.items()})
    for other in rates.keys() - {"vedette"}:
        found[f"vedette to {other}"] = round(rates["vedette"] / rates[other], 2)
    return found


def _run(
    target: Target, bodies: Sequence[Sequence[bytes]], end_ms: int
) -> tuple[float, dict[str, object]]:
    _send(target, [one[:20] for one in bodies])  # Warm, as a receiver that runs is.
    time.sleep(SETTLE_SECONDS)
    used, began = _cpu_seconds(target.pids()), time.perf_counter()
    _send(target, [one[20:] for one in bodies])
    taken = time.perf_counter() - began
    _await_samples(target, end_ms)
    behind = time.perf_counter() - began - taken
    used = _cpu_seconds(target.pids()) - used
    samples = sum(len(one) - 20 for one in bodies) * PER_REQUEST
    rate = samples / taken
    return rate, {
        "samples/s acknowledged": round(rate),
        "s until all are found": round(behind, 2),
        "CPU s a million": round(used / samples * 1e6, 2),
        "MB at the end": _in_use(target.pids()),
        "peak MB, shared counted in each": _peak(target.pids()),
    }


def _send(target: Target, bodies: Sequence[Sequence[bytes]]) -> None:
    problems: list[str] = []
    threads = [
        threading.Thread(target=_send_all, args=(target, one, problems))
        for one in bodies
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise RuntimeError(problems[0])


def _send_all(target: Target, bodies: Sequence[bytes], problems: list[str]) -> None:
    headers = {
        "Content-Encoding": "snappy",
        "Content-Type": "application/x-protobuf",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
        **target.headers,
    }
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=60)
    for body in bodies:
        connection.request("POST", target.write, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status not in {200, 204}:
            problems.append(f"{answer.status}: {text[:300]!r}")
            break
    connection.close()


def _await_samples(target: Target, end_ms: int) -> None:
    """Wait until every series has its latest sample."""
    query = f'count(timestamp({{job="bench"}}) >= {(end_ms - STEP_MS) / 1000})'
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if _ask(target, query, end_ms) == SERIES:
            return
        time.sleep(0.05)
    raise TimeoutError("the samples do not appear")


def _ask(target: Target, query: str, at_ms: int) -> int:
    parameters = urllib.parse.urlencode({"query": query, "time": at_ms / 1000})
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=60)
    connection.request("GET", f"{target.query}?{parameters}", headers=target.headers)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    result = answer.get("data", {}).get("result", [])
    return int(float(result[0]["value"][1])) if result else 0


def _bodies(half: int, count: int, end_ms: int) -> list[bytes]:
    """Return the packed requests of one connection, the last round at `end_ms`."""
    own = SERIES // CONNECTIONS
    random = np.random.default_rng(half)
    heads = [_head(half * own + number) for number in range(own)]
    rounds = -(-count * PER_REQUEST // own)
    first_ms = end_ms - (rounds - 1) * STEP_MS
    found = []
    for request in range(count):
        places = np.arange(request * PER_REQUEST, (request + 1) * PER_REQUEST)
        values = np.round(random.random(PER_REQUEST) * 1000, 2)
        parts = [
            _timeseries(heads[place % own], value, first_ms + place // own * STEP_MS)
            for place, value in zip(places.tolist(), values.tolist(), strict=True)
        ]
        found.append(bytes(cramjam.snappy.compress_raw(b"".join(parts))))
    return found


def _head(number: int) -> bytes:
    return series(
        {
            "__name__": f"bench_metric_{number % 50}_total",
            "cpu": str(number % 50),
            "instance": f"host-{number // 50}.example.com:9100",
            "job": "bench",
            "mode": "idle",
            "region": "eu-west-1",
        }
    )


def _timeseries(head: bytes, value: float, ts_ms: int) -> bytes:
    return nested(1, head + series({}, [(value, ts_ms)]))


@contextlib.contextmanager
def _vedette() -> Iterator[Target]:
    with running_platform() as platform:
        token = platform.token()
        yield Target(
            platform.port,
            "/api/v1/write",
            "/prometheus/api/v1/query",
            {"Authorization": f"Bearer {token}"},
            lambda: platform.pids(""),
        )


@contextlib.contextmanager
def _prometheus() -> Iterator[Target]:
    with _scratch() as directory:
        (directory / "prometheus.yml").write_text("global: {}\n")
        port = free_port()
        command = [
            PROMETHEUS,
            f"--config.file={directory}/prometheus.yml",
            f"--storage.tsdb.path={directory}/data",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-remote-write-receiver",
        ]
        with _running(command, port, "/-/ready") as pid:
            yield Target(port, "/api/v1/write", "/api/v1/query", {}, lambda: [pid])


@contextlib.contextmanager
def _victoria() -> Iterator[Target]:
    with _scratch() as directory:
        port = free_port()
        command = [
            VICTORIA,
            f"-storageDataPath={directory}/data",
            f"-httpListenAddr=127.0.0.1:{port}",
            "-search.latencyOffset=0s",
            "-search.disableCache",
        ]
        with _running(command, port, "/health") as pid:
            yield Target(port, "/api/v1/write", "/api/v1/query", {}, lambda: [pid])


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="vedette-bench-", dir="/tmp"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _running(command: Sequence[str], port: int, ready: str) -> Iterator[int]:
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _await_ready(port, ready)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def _await_ready(port: int, path: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", path)
            if connection.getresponse().status == http.client.OK:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nothing answers at port {port}")


def _cpu_seconds(pids: Sequence[int]) -> float:
    """Return what the processes have used, which other load does not change much."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _peak(pids: Sequence[int]) -> int:
    """Return the sum of the largest sizes that the processes ever had, in MB.

    What processes share is counted once in each.
    """
    return sum(_kilobytes(pid, "status", "VmHWM") for pid in pids) // 1024


def _in_use(pids: Sequence[int]) -> int:
    """Return what the processes have now, in MB; what they share is counted once."""
    return sum(_kilobytes(pid, "smaps_rollup", "Pss") for pid in pids) // 1024


def _kilobytes(pid: int, file: str, name: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
    return 0


_TARGETS: Mapping[str, Callable[[], contextlib.AbstractContextManager[Target]]] = {
    "vedette": _vedette,
    **({"prometheus": _prometheus} if Path(PROMETHEUS).exists() else {}),
    **({"victoria-metrics": _victoria} if Path(VICTORIA).exists() else {}),
}
