"""A round of 1,000 recording rules, against Prometheus's on the same data.

Prometheus tells of each group how long its last evaluation took; ours do the same.
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
from django.utils import timezone

from accounts.scope import Scope
from accounts.services.organizations import create_organization
from alerts.evaluation.rule_files import read_rule_file
from alerts.models import RuleGroupState, RuleState
from alerts.services.group_evaluation import evaluate_group, latest_tick
from alerts.services.rule_groups import put_group
from monitoring.labels import make_labels
from monitoring.services.append import append_samples
from monitoring.services.compaction import compact
from monitoring.telemetry import SampleBatch
from tests.bench.report import percentile

GROUPS, RULES_EACH = 40, 25
JOBS, INSTANCES, HANDLERS = 10, 10, 10
METRICS = 5
STEP = 15
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
        groups.append({"name": f"group {group}", "interval": "30s", "rules": rules})
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
    rounds = []
    for number in range(3):
        at = now + timedelta(seconds=30 * number)
        started = time.perf_counter()
        for group in groups:
            tick = latest_tick(group, at)
            RuleGroupState.objects.filter(group=group).update(due_at=tick)
            evaluate_group(group.pk, now=tick)
        rounds.append(time.perf_counter() - started)
    failed = RuleState.objects.exclude(error="").count()
    durations = list(RuleGroupState.objects.values_list("duration_ms", flat=True))
    return {
        "seconds_a_round_first": round(rounds[0], 2),
        "seconds_a_round": round(min(rounds[1:]), 2),
        "group_ms_median": percentile(durations, 50),
        "rules_failed": failed,
    }


def _fill(scope: Scope, now: datetime) -> None:
    """Store twenty minutes, a scrape of everything every 15 s."""
    import numpy as np

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
    """Load the same samples with promtool, let Prometheus evaluate one round."""
    samples = directory / "samples.txt"
    with samples.open("w") as file:
        for place, labels in enumerate(series()):
            text = ",".join(f'{k}="{v}"' for k, v in labels.items() if k != "__name__")
            name, slope = labels["__name__"], place % 97 + 1.0
            if place % (JOBS * INSTANCES * HANDLERS) == 0:
                file.write(f"# TYPE {name.removesuffix('_total')} counter\n")
            for step in range(MINUTES * 60 // STEP):
                at = now.timestamp() - MINUTES * 60 + STEP * (step + 1)
                file.write(f"{name}{{{text}}} {slope * step} {at:.3f}\n")
        file.write("# EOF\n")
    promtool = shutil.which("promtool") or "promtool"
    subprocess.run(
        [
            promtool,
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            samples,
            directory / "data",
        ],
        check=True,
        capture_output=True,
    )
    (directory / "rules.yml").write_text(rule_file())
    config = directory / "prometheus.yml"
    config.write_text("rule_files: [rules.yml]\n")
    process = subprocess.Popen(
        [
            binary,
            f"--config.file={config}",
            f"--storage.tsdb.path={directory / 'data'}",
            "--web.listen-address=127.0.0.1:19099",
            "--log.level=error",
        ]
    )
    try:
        return _durations_of("http://127.0.0.1:19099")
    finally:
        process.kill()
        process.wait()


def _durations_of(address: str) -> dict[str, object]:
    """Wait until every group was evaluated; add up what each took."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        time.sleep(0.5)
        try:
            with httpx.Client() as client:
                groups = client.get(f"{address}/api/v1/rules").json()["data"]["groups"]
        except httpx.TransportError:
            continue
        if groups and all(g["evaluationTime"] > 0 for g in groups):
            times = [group["evaluationTime"] for group in groups]
            return {
                "prometheus_seconds_a_round": round(sum(times), 2),
                "prometheus_group_ms_median": percentile([t * 1000 for t in times], 50),
            }
    return {"prometheus": "did not evaluate all groups within 90 s"}
