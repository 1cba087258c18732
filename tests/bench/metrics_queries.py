"""The same dashboard queries over the same data, here and in Debian's Prometheus.

Both are asked through their HTTP APIs, in turns, one query at a time; answers are
compared before times are.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from tests.bench.metrics_data import Data, generate, write_requests
from tests.platform import ROOT, free_port

HOUR_MS = 3_600_000
RECENT_HOURS, LONG_HOURS = 3, 24
ROUNDS = 7
RECENT = [*(f"req_{n}_total" for n in range(6)), *(f"load_{n}" for n in range(3))]
RECENT += ["temperature_exact"]
LONG = ["day_total", "day_load"]
TOLERANCE = 1e-9
SMALL, LARGE = "small", "large"


@dataclass(frozen=True, slots=True)
class Question:
    """`step` 0 asks for an instant; `size` says what it is to be measured by."""

    expr: str
    hours: int
    step: int
    size: str


_SMALL = 'job=~"job-[12]"'
_ALL = '{__name__=~"req_.*"}'
QUESTIONS = [
    Question(f"req_0_total{{{_SMALL}}}", 3, 30, SMALL),
    Question(f"sum by (job) (rate(req_0_total{{{_SMALL}}}[5m]))", 3, 15, SMALL),
    Question(f"rate(req_1_total{{{_SMALL}}}[5m])", 3, 60, SMALL),
    Question(f"avg by (zone) (load_0{{{_SMALL}}})", 3, 15, SMALL),
    Question(f"max_over_time(load_1{{{_SMALL}}}[10m])", 3, 60, SMALL),
    Question(f"topk(5, temperature_exact{{{_SMALL}}})", 3, 60, SMALL),
    Question(f"quantile(0.9, load_2{{{_SMALL}}})", 3, 15, SMALL),
    Question(
        f"sum(rate(req_0_total{{{_SMALL}}}[5m]))"
        f" / sum(rate(req_1_total{{{_SMALL}}}[5m]))",
        3,
        15,
        SMALL,
    ),
    Question(f"sum by (job) (rate(req_0_total{{{_SMALL}}}[5m]))", 3, 0, SMALL),
    Question('load_0{job="job-1"}', 3, 0, SMALL),
    Question(f"sum by (job) (rate(day_total{{{_SMALL}}}[5m]))", 24, 60, SMALL),
    Question(f"avg by (job) (day_load{{{_SMALL}}})", 24, 120, SMALL),
    Question("sum by (job) (rate(req_0_total[5m]))", 3, 15, LARGE),
    Question(f"sum by (job) (rate({_ALL}[5m]))", 3, 15, LARGE),
    Question(
        'sum by (job) ({__name__=~"req_.*|load_.*|temperature_.*"})', 3, 30, LARGE
    ),
    Question(
        'topk(10, avg by (instance) ({__name__=~"load_.*|temperature_.*"}))',
        3,
        60,
        LARGE,
    ),
    Question('avg_over_time({__name__=~"load_.*"}[10m])', 3, 60, LARGE),
    Question("sum by (job) (rate(day_total[5m]))", 24, 60, LARGE),
    Question("avg by (job) (avg_over_time(day_load[1h]))", 24, 300, LARGE),
    Question('count by (__name__) ({job=~".+"})', 3, 0, LARGE),
]


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    url: str
    headers: dict[str, str]
    pid: int

    def peak_mb(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) // 1024


def measure() -> dict[str, object]:
    """Return figures; to be called inside a scratch Django."""
    now_ms = int(time.time()) // 60 * 60_000
    recent = generate(
        RECENT, 10, start_ms=now_ms - RECENT_HOURS * HOUR_MS, end_ms=now_ms, seed=1
    )
    long = generate(
        LONG, 5, start_ms=now_ms - LONG_HOURS * HOUR_MS, end_ms=now_ms, seed=2
    )
    directory = Path(tempfile.mkdtemp(prefix="vedette-bench-", dir="/tmp"))
    try:
        token, ours = load_here([long, recent])
        with prometheus(directory, long, recent) as theirs, web(token) as here:
            rows = compare(here, theirs, now_ms)
            peaks = {s.name: s.peak_mb() for s in (here, theirs)}
        return {**rows, **ours, **disk(directory), "peak MB": peaks}
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def load_here(parts: list[Data]) -> tuple[str, dict[str, object]]:
    """Append and compact everything; return a token, and what it takes on disk."""
    from django.db import connection
    from django.utils import timezone

    from accounts.scope import Permission, Scope
    from accounts.services.organizations import create_organization
    from accounts.services.tokens import create_token
    from monitoring.services import compaction
    from monitoring.services.append import append_samples
    from monitoring.telemetry import SampleBatch

    organization = create_organization("bench")[0]
    scope = Scope.of_system(organization.pk, organization.slug)
    now, count, began = timezone.now(), 0, time.perf_counter()
    for data in parts:
        per_batch = max(1, 100_000 // len(data.series))
        for first in range(0, len(data.ts_ms), per_batch):
            part = data.columns(first, first + per_batch)
            index = np.repeat(np.arange(len(part.series)), len(part.ts_ms))
            batch = SampleBatch(
                part.series,
                index.astype(np.int32),
                np.tile(part.ts_ms, len(part.series)),
                part.values.ravel(),
            )
            append_samples(scope, batch, team_id=None, now=now)
            count += batch.count
    loaded = time.perf_counter() - began
    while sum(compaction.compact(organization.pk, now=now)):
        pass
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT level, sum(length(payload)), sum(count), count(*)"
            " FROM monitoring_sampleblock GROUP BY 1 ORDER BY 1"
        )
        levels = cursor.fetchall()
        cursor.execute("SELECT sum(length(payload)) FROM monitoring_rollupblock")
        (rolled,) = cursor.fetchone()
        cursor.execute("VACUUM ANALYZE monitoring_sampleblock")
        cursor.execute("VACUUM ANALYZE monitoring_series")
    size, stored = sum(row[1] for row in levels), sum(row[2] for row in levels)
    secret = create_token(organization, permissions=[Permission.READ])[1]
    return secret, {
        "samples": count,
        "append s": round(loaded, 1),
        "compact s": round(time.perf_counter() - began - loaded, 1),
        "vedette B/sample": round(float(size / stored), 2),
        "vedette B/sample, roll-ups": round(float((rolled or 0) / stored), 2),
        "vedette blocks": {level: int(blocks) for level, _s, _c, blocks in levels},
    }


@contextmanager
def prometheus(directory: Path, long: Data, recent: Data) -> Iterator[Server]:
    """Run Debian's Prometheus with the data, sent in the order of time."""
    port = free_port()
    (directory / "prometheus.yml").write_text("global: {}\n")
    process = subprocess.Popen(
        [
            "/usr/bin/prometheus",
            f"--config.file={directory}/prometheus.yml",
            f"--storage.tsdb.path={directory}/tsdb",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-remote-write-receiver",
            "--log.level=error",
        ]
    )
    try:
        server = Server("prometheus", f"http://127.0.0.1:{port}", {}, process.pid)
        _await(f"{server.url}/-/ready")
        cut = int(np.searchsorted(long.ts_ms, recent.ts_ms[0]))
        with httpx.Client(timeout=60) as client:
            for body in write_requests(long.columns(0, cut), 60):
                _push(client, server, body)
            for first in range(0, len(recent.ts_ms), 20):
                tail = long.columns(cut + first, cut + first + 20)
                for part in (tail, recent.columns(first, first + 20)):
                    for body in write_requests(part, 20):
                        _push(client, server, body)
        yield server
    finally:
        process.terminate()
        process.wait(60)


def _push(client: httpx.Client, server: Server, body: bytes) -> None:
    client.post(
        f"{server.url}/api/v1/write",
        content=body,
        headers={
            "Content-Encoding": "snappy",
            "Content-Type": "application/x-protobuf",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        },
    ).raise_for_status()


@contextmanager
def web(token: str) -> Iterator[Server]:
    """Run the web process alone, as `manage.py up` does."""
    port = free_port()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "daphne",
            "-b",
            "127.0.0.1",
            "-p",
            str(port),
            "-v0",
            "config.asgi:application",
        ],
        cwd=ROOT,
        env=dict(os.environ),
    )
    try:
        url = f"http://127.0.0.1:{port}/prometheus"
        _await(f"http://127.0.0.1:{port}/healthz")
        yield Server("vedette", url, {"Authorization": f"Bearer {token}"}, process.pid)
    finally:
        process.terminate()
        process.wait(30)


def _await(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=2).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise TimeoutError(url)


def compare(here: Server, theirs: Server, now_ms: int) -> dict[str, object]:
    rows: dict[str, object] = {}
    ratios: dict[str, list[float]] = {SMALL: [], LARGE: []}
    clients = {
        s.name: httpx.Client(timeout=120, headers=s.headers) for s in (here, theirs)
    }
    for question in QUESTIONS:
        times: dict[str, list[float]] = {here.name: [], theirs.name: []}
        answers = {}
        for _ in range(ROUNDS + 1):
            for server in (here, theirs):
                began = time.perf_counter()
                answers[server.name] = _ask(
                    clients[server.name], server, question, now_ms
                )
                times[server.name].append(time.perf_counter() - began)
        # The first of each warms caches.
        ours, others = (
            float(np.median(times[s.name][1:])) * 1000 for s in (here, theirs)
        )
        differs = _difference(answers[here.name].json(), answers[theirs.name].json())
        ratios[question.size].append(ours / others)
        key = f"{question.size} {question.hours}h/{question.step}s {question.expr}"
        rows[key] = (
            f"{ours:.1f} ms, prometheus {others:.1f} ms, ratio {ours / others:.2f}"
            + differs
        )
    for client in clients.values():
        client.close()
    rows["median ratio, small"] = round(float(np.median(ratios[SMALL])), 2)
    rows["median ratio, large"] = round(float(np.median(ratios[LARGE])), 2)
    return rows


def _ask(
    client: httpx.Client, server: Server, question: Question, now_ms: int
) -> httpx.Response:
    if question.step == 0:
        path, when = "query", {"time": now_ms // 1000}
    else:
        end = now_ms // 1000 // question.step * question.step
        path = "query_range"
        when = {"start": end - question.hours * 3600, "end": end, "step": question.step}
    response = client.get(
        f"{server.url}/api/v1/{path}", params={"query": question.expr, **when}
    )
    response.raise_for_status()
    return response


def _difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    """Return where the answers are not the same, or nothing."""
    mine, theirs = (_by_labels(answer["data"]["result"]) for answer in (one, other))
    if mine.keys() != theirs.keys():
        return f", DIFFERENT SERIES: {len(mine)} and {len(theirs)}"
    for labels, (times, values) in mine.items():
        their_times, their_values = theirs[labels]
        if times != their_times:
            odd = sorted(set(times) ^ set(their_times))
            who = "here" if odd[0] in times else "there"
            return f", {len(odd)} DIFFERENT STEPS: first {odd[0]} only {who}"
        equal = np.isclose(values, their_values, rtol=TOLERANCE, equal_nan=True)
        if not equal.all():
            step = int(np.argmin(equal))
            return f", DIFFERENT at {step}: {values[step]} and {their_values[step]}"
    return ""


def _by_labels(result: list[dict[str, Any]]) -> dict[Any, Any]:
    found = {}
    for series in result:
        points = series.get("values") or [series["value"]]
        labels = tuple(sorted(series["metric"].items()))
        found[labels] = [p[0] for p in points], [float(p[1]) for p in points]
    return found


def disk(directory: Path) -> dict[str, object]:
    """Return what Prometheus's finished blocks take a sample."""
    import json

    size = samples = 0
    for meta in (directory / "tsdb").glob("*/meta.json"):
        samples += json.loads(meta.read_text())["stats"].get("numSamples", 0)
        size += sum(f.stat().st_size for f in meta.parent.rglob("*") if f.is_file())
    if not samples:
        return {}
    return {"prometheus B/sample": round(size / samples, 2), "in its blocks": samples}
