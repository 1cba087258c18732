"""A round of 1,000 recording rules, against Prometheus's on the same data.

Prometheus tells of each group how long its last evaluation took; ours do the same. But it
evaluates groups side by side, so what can be compared is the processor's time.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
from django.db import connection
from django.utils import timezone

from accounts.scope import Scope
from accounts.services.organizations import create_organization
from alerts.evaluation.rule_files import read_rule_file
from alerts.models import RuleGroup, RuleGroupState, RuleState
from alerts.services.group_evaluation import evaluate_group, latest_tick
from alerts.services.rule_groups import put_group
from monitoring.labels import make_labels
from monitoring.services.append import append_samples
from monitoring.services.compaction import compact
from monitoring.telemetry import SampleBatch
from tests.bench.metrics_data import Data, write_requests
from tests.bench.report import cpu_seconds, percentile
from tests.platform import free_port

GROUPS, RULES_EACH = 40, 25
JOBS, INSTANCES, HANDLERS = 10, 10, 10
METRICS = 5
STEP = 15
INTERVAL = 30
# Prometheus's metric.
_TOOK = "prometheus_rule_group_last_duration_seconds{"
MINUTES = 20

# What dashboards and service levels are made of, by metric.
_EXPRESSIONS = (
    "sum by (job) (rate({metric}[5m]))",
    "sum by (job, handler) (rate({metric}[5m]))",
    "sum by (job) (rate({metric}{{code='500'}}[5m])) / sum by (job) (rate({metric}[5m]))",
    "max by (instance) (increase({metric}[10m]))",
    "avg without (handler) ({metric})",
)


def rule_file() -> str:
    """Return 1,000 rules in groups of 25, as JSON, which is YAML."""
    groups = []
    for group in range(GROUPS):
        rules = []
        for number in range(RULES_EACH):
            metric = f"http_requests_{(group + number) % METRICS}_total"
            expression = _EXPRESSIONS[number % len(_EXPRESSIONS)]
            name = f"bench:group{group}:rule{number}"
            rules.append({"record": name, "expr": expression.format(metric=metric)})
        groups.append(
            {"name": f"group {group}", "interval": f"{INTERVAL}s", "rules": rules}
        )
    return json.dumps({"groups": groups})


def series() -> list[dict[str, str]]:
    """Return 5,000 series: five counters of a hundred instances."""
    return [
        {
            "__name__": f"http_requests_{metric}_total",
            "job": f"job-{job}",
            "instance": f"10.0.{job}.{instance}:9090",
            "handler": f"/api/v1/{handler}",
            "code": "500" if handler == 0 else "200",
        }
        for metric in range(METRICS)
        for job in range(JOBS)
        for instance in range(INSTANCES)
        for handler in range(HANDLERS)
    ]


def measure() -> dict[str, object]:
    now = timezone.now().replace(microsecond=0)
    ours = _ours(now)
    return {
        "rules": GROUPS * RULES_EACH,
        "series_read": len(series()),
        **ours,
        **_theirs(now),
    }


def _ours(now: datetime) -> dict[str, object]:
    organization, *_ = create_organization("bench")
    scope = Scope.of_system(organization.pk, organization.slug)
    _fill(scope, now)
    groups = [
        put_group(scope, draft, None, now=now).group
        for draft in read_rule_file(rule_file(), "bench").groups
    ]
    rounds = [
        _round(groups, now + timedelta(seconds=INTERVAL * number))
        for number in range(4)
    ]
    failed = RuleState.objects.exclude(error="").count()
    durations = list(RuleGroupState.objects.values_list("duration_ms", flat=True))
    seconds, cpu = (min(column) for column in zip(*rounds[1:], strict=True))
    return {
        "seconds_a_round_first": round(rounds[0][0], 2),
        "cpu_seconds_a_round_first": round(rounds[0][1], 2),
        "seconds_a_round": round(seconds, 2),
        "cpu_seconds_a_round": round(cpu, 2),
        "group_ms_median": percentile(durations, 50),
        "rules_failed": failed,
    }


def _round(groups: list[RuleGroup], at: datetime) -> tuple[float, float]:
    """Return the time of a round, and the processor's: ours and PostgreSQL's."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone()
    began, used = time.perf_counter(), time.process_time() + cpu_seconds(backend)
    for group in groups:
        tick = latest_tick(group, at)
        RuleGroupState.objects.filter(group=group).update(due_at=tick)
        evaluate_group(group.pk, now=tick)
    now_used = time.process_time() + cpu_seconds(backend)
    return time.perf_counter() - began, now_used - used


def _fill(scope: Scope, now: datetime) -> None:
    """Store twenty minutes, a scrape of everything every 15 s."""
    labels = tuple(make_labels(one) for one in series())
    count = len(labels)
    index = np.arange(count, dtype=np.int32)
    slopes = np.arange(count) % 97 + 1.0
    for step in range(MINUTES * 60 // STEP):
        at = now - timedelta(minutes=MINUTES) + timedelta(seconds=STEP * (step + 1))
        batch = SampleBatch(
            series=labels,
            series_index=index,
            ts_ms=np.full(count, int(at.timestamp() * 1000), np.int64),
            values=slopes * step,
        )
        append_samples(scope, batch, team_id=None, now=now)
    for _ in compact(scope.organization_id, now=now):
        pass


def _theirs(now: datetime) -> dict[str, object]:
    binary = shutil.which("prometheus")
    if binary is None:
        return {"prometheus": "not installed"}
    directory = Path(tempfile.mkdtemp(prefix="vedette-bench-rules-"))
    try:
        return _run_prometheus(binary, directory, now)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _run_prometheus(binary: str, directory: Path, now: datetime) -> dict[str, object]:
    """Write the same samples to Prometheus, and let it evaluate some rounds."""
    (directory / "rules.yml").write_text(rule_file())
    config = directory / "prometheus.yml"
    config.write_text("rule_files: [rules.yml]\n")
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [
            binary,
            f"--config.file={config}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address={address}",
            "--web.enable-remote-write-receiver",
            "--log.level=error",
        ]
    )
    try:
        with httpx.Client(base_url=f"http://{address}", timeout=60) as client:
            _await_ready(client)
            _write_all(client, now)
            return _cost_of_rounds(client, process.pid)
    finally:
        process.kill()
        process.wait()


def _await_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if client.get("/-/ready").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise TimeoutError("Prometheus does not become ready.")


def _write_all(client: httpx.Client, now: datetime) -> None:
    count, steps = len(series()), MINUTES * 60 // STEP
    first_ms = int(now.timestamp() * 1000) - MINUTES * 60_000
    data = Data(
        tuple(make_labels(one) for one in series()),
        first_ms + STEP * 1000 * np.arange(1, steps + 1, dtype=np.int64),
        (np.arange(count) % 97 + 1.0)[:, None] * np.arange(steps),
    )
    headers = {
        "Content-Encoding": "snappy",
        "Content-Type": "application/x-protobuf",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }
    for body in write_requests(data, 20):
        answer = client.post("/api/v1/write", content=body, headers=headers)
        answer.raise_for_status()


def _cost_of_rounds(client: httpx.Client, pid: int) -> dict[str, object]:
    """Let a round go by, in which series are new; return what the next one takes."""
    _await_evaluation_of_all(client)
    time.sleep(INTERVAL)
    used = cpu_seconds(pid)
    time.sleep(INTERVAL)
    used = cpu_seconds(pid) - used
    lines = client.get("/metrics").text.splitlines()
    durations = [float(one.rsplit(" ", 1)[1]) for one in lines if one.startswith(_TOOK)]
    return {
        "prometheus_cpu_seconds_a_round": round(used, 2),
        "prometheus_group_durations_added_up": round(sum(durations), 2),
        "prometheus_group_ms_median": percentile([1000 * d for d in durations], 50),
    }


def _await_evaluation_of_all(client: httpx.Client) -> None:
    deadline = time.monotonic() + 3 * INTERVAL
    while time.monotonic() < deadline:
        groups = client.get("/api/v1/rules").json()["data"]["groups"]
        if groups and all(group["evaluationTime"] > 0 for group in groups):
            return
        time.sleep(0.5)
    raise TimeoutError("Prometheus did not evaluate all groups.")
