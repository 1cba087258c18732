"""An independent Prometheus sends; what both then answer is the same."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.interop.sender import PROMETHEUS, PROMTOOL, PrometheusAPI, prometheus
from tests.platform import Platform, running_platform

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(
        not (PROMETHEUS.exists() and PROMTOOL.exists()),
        reason="Debian's package prometheus is not installed",
    ),
]

PATIENCE = 90
# The platform says of its own sources whether they are up.
OWN = 'up{job="shop"}'


@dataclass(frozen=True, slots=True)
class Pair:
    """The sender, the receiver, and a moment whose samples both have."""

    platform: Platform
    token: str
    sender: PrometheusAPI
    receiver: PrometheusAPI
    start: float
    end: float

    def both(self, path: str, **parameters: str) -> tuple[Any, Any]:
        return tuple(
            _ordered(one.get(path, **parameters))
            for one in (self.sender, self.receiver)
        )


def _ordered(data: Any) -> Any:
    """The order of series says nothing, nor does the last digit of a sum."""
    if isinstance(data, dict) and data["resultType"] in {"vector", "matrix"}:
        ordered = sorted(
            ({k: _rounded(v) for k, v in series.items()} for series in data["result"]),
            key=lambda series: sorted(series["metric"].items()),
        )
        return {**data, "result": ordered}
    if isinstance(data, list):
        return sorted(data, key=str)
    return data


def _rounded(found: Any) -> Any:
    if isinstance(found, list):
        return [_rounded(one) for one in found]
    return f"{float(found):.12g}" if isinstance(found, str) else found


def await_equal(sender: PrometheusAPI, receiver: PrometheusAPI, end: float) -> None:
    """Wait until the receiver has every sample that the sender has up to `end`."""
    question = {"query": '{job="shop"}[10m]', "time": f"{end:.3f}"}
    expected = _ordered(sender.get("query", **question))
    assert expected["result"]
    deadline = time.monotonic() + PATIENCE
    found: Any = None
    while time.monotonic() < deadline:
        try:
            found = _ordered(receiver.get("query", **question))
        except httpx.HTTPError:
            found = "no answer"
        if found == expected:
            return
        time.sleep(0.3)
    assert found == expected


def await_samples(sender: PrometheusAPI, count: int) -> float:
    """Wait until the sender has scraped so often since now; return the time then."""
    began = time.time()
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        moment = time.time()
        question = {"query": "count_over_time(up[1h])", "time": f"{moment:.3f}"}
        before = sender.get("query", **{**question, "time": f"{began:.3f}"})["result"]
        now = sender.get("query", **question)["result"]
        if now and int(now[0]["value"][1]) - _count(before) >= count:
            return moment
        time.sleep(0.2)
    raise TimeoutError("Prometheus does not scrape")


def _count(result: list[Any]) -> int:
    return int(result[0]["value"][1]) if result else 0


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    directory = tmp_path_factory.mktemp("prometheus")
    # A handful of scrapes fills the inbox while nobody drains it.
    with running_platform(INGEST_BACKLOG_LIMIT="200") as platform:
        token = platform.token()
        receiver = PrometheusAPI(f"{platform.url}/prometheus", token)
        with prometheus(directory, url=platform.url, token=token) as sender:
            start = time.time()
            end = await_samples(sender, 10)
            await_equal(sender, receiver, end)
            yield Pair(platform, token, sender, receiver, start, end)


@pytest.mark.parametrize(
    "query",
    [
        "orders_total",
        'sum by (shop) (rate(orders_total{shop=~"1."}[2s]))',
        "histogram_quantile(0.9, rate(wait_seconds_bucket[2s]))",
        "topk(3, orders_total) + on() group_left() up{job='shop'}",
        "odd",
        "max_over_time(odd{v='small'}[4s:1s])",
        "absent(nothing)",
        "1+1",
    ],
)
def test_both_answer_the_same(pair, query):
    """Not where series begin: 2.42 looks further back there for a rate than 3.x does."""
    at = f"{pair.end:.3f}"

    instant = pair.both("query", query=query, time=at)
    ranges = pair.both(
        "query_range", query=query, start=f"{pair.end - 2:.3f}", end=at, step="0.7"
    )

    assert instant[0] == instant[1]
    assert ranges[0] == ranges[1]


def test_both_find_the_same_series(pair):
    window = {"start": f"{pair.start:.3f}", "end": f"{pair.end:.3f}"}

    found = pair.both("series", match='{job="shop"}', **window)
    names = pair.both("labels", match='{job="shop"}', **window)
    values = pair.both("label/shop/values", **window)

    assert found[0] == found[1]
    assert names[0] == names[1]
    assert values[0] == values[1]


def test_promtool_works_unchanged(pair):
    ours = f"{pair.platform.url}/prometheus".replace("//", f"//promtool:{pair.token}@")
    at, start = f"{pair.end:.3f}", f"{pair.start:.3f}"

    def promtool(*arguments: str) -> list[str]:
        done = subprocess.run(
            [PROMTOOL, "query", *arguments], check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return sorted(done.stdout.splitlines())

    here = promtool("instant", f"--time={at}", ours, "orders_total")

    assert here == promtool("instant", f"--time={at}", pair.sender.base, "orders_total")
    assert promtool("range", f"--start={start}", f"--end={at}", ours, OWN)
    assert promtool("series", f"--match={OWN}", ours)
    assert len(promtool("labels", ours, "shop")) == 20


def test_what_grafana_asks_is_answered(pair):
    """What Grafana 11 and 12 send when a data source is saved and Explore is opened.

    Source: grafana/pkg/promlib/resource and healthcheck.go; forms in POST throughout.
    """
    client = httpx.Client(
        base_url=f"{pair.platform.url}/prometheus/api/v1",
        headers={"Authorization": f"Bearer {pair.token}"},
        timeout=20,
    )
    start, end = str(int(pair.start)), str(int(pair.end) + 1)
    window = {"start": start, "end": end}

    with client:
        health = client.post("/query", data={"query": "1+1", "time": end})
        build = client.get("/status/buildinfo")
        ranged = client.post("/query_range", data={"query": OWN, **window, "step": "1"})
        labels = client.post("/labels", data={"match[]": OWN, **window})
        values = client.get("/label/__name__/values", params=window)
        series = client.post("/series", data={"match[]": OWN, **window})
        about = client.get("/metadata", params={"limit": "5000"})
        exemplars = client.post("/query_exemplars", data={"query": OWN, **window})
        rules = client.get("/rules")

    assert health.json()["data"] == {"resultType": "scalar", "result": [int(end), "2"]}
    assert "version" in build.json()["data"]
    assert ranged.json()["data"]["result"][0]["metric"]["job"] == "shop"
    assert labels.json()["data"] == ["__name__", "instance", "job"]
    assert "orders_total" in values.json()["data"]
    assert series.json()["data"][0]["__name__"] == "up"
    assert "orders_total" in about.json()["data"]
    assert exemplars.json() == {"status": "success", "data": []}
    assert rules.json()["data"] == {"groups": []}


def test_prometheus_retries_leave_no_gap(pair):
    """Whatever is killed, every sample that Prometheus has arrives."""
    killed = {}

    for victim in ("qcluster", "config.asgi", "redis-server", "postgres -D"):
        killed[victim] = pair.platform.kill(victim)
        await_samples(pair.sender, 3)
    pair.platform.wait_until_ready()
    end = await_samples(pair.sender, 3)

    await_equal(pair.sender, pair.receiver, end)
    assert all(killed.values()), killed
