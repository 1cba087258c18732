"""Clients that others have written for Prometheus, unchanged but for address and token."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from prometheus_api_client import PrometheusConnect

from monitoring.services.append import append_samples
from tests.factories.accounts import make_token
from tests.factories.monitoring import sample_batch

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

ROOT = Path(__file__).resolve().parents[4]
NODE = shutil.which("node")
SCRIPT = """
import { PrometheusDriver } from "prometheus-query";
const [endpoint, token, end] = process.argv.slice(1);
const client = new PrometheusDriver({
  endpoint, baseURL: "/prometheus/api/v1", headers: { Authorization: `Bearer ${token}` },
});
const now = await client.instantQuery("sum(jobs)");
const range = await client.rangeQuery("jobs", end - 60_000, Number(end), 15);
const names = await client.labelValues("queue");
console.log(JSON.stringify({
  now: now.result.map((each) => each.value.value),
  range: range.result.map((each) => [each.metric.labels.queue, each.values.length]),
  names,
}));
"""


@pytest.fixture
def end(cast):
    """A minute of two queues' jobs, up to now."""
    end = timezone.now().replace(microsecond=0)
    rows = [
        (
            {"__name__": "jobs", "queue": queue},
            int((end - timedelta(seconds=ago)).timestamp() * 1000),
            value,
        )
        for queue, value in (("mail", 3.0), ("pay", 4.0))
        for ago in range(60, -1, -15)
    ]
    append_samples(cast.system(), sample_batch(rows), team_id=None, now=end)
    return end


@pytest.fixture
def token(cast):
    return make_token(cast.acme, "read")


def test_pypis_prometheus_api_client_works(live_server, end, token):
    client = PrometheusConnect(
        url=f"{live_server.url}/prometheus",
        headers={"Authorization": f"Bearer {token}"},
    )

    [total] = client.custom_query("sum(jobs)")
    ranges = client.custom_query_range(
        "jobs", start_time=end - timedelta(minutes=1), end_time=end, step="15s"
    )

    assert client.check_prometheus_connection()
    assert client.all_metrics() == ["jobs"]
    assert client.get_label_values("queue") == ["mail", "pay"]
    assert total["value"][1] == "7"
    assert [len(each["values"]) for each in ranges] == [5, 5]
    assert {m["metric"]["queue"] for m in client.get_current_metric_value("jobs")} == {
        "mail",
        "pay",
    }


@pytest.mark.skipif(NODE is None, reason="Node is not installed")
def test_npms_prometheus_query_works(live_server, end, token):
    asked = [live_server.url, token, str(int(end.timestamp() * 1000))]

    done = subprocess.run(
        [NODE, "--input-type=module", "-e", SCRIPT, *asked],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert json.loads(done.stdout) == {
        "now": [7],
        "range": [["mail", 5], ["pay", 5]],
        "names": ["mail", "pay"],
    }
