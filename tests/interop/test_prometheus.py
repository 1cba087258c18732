"""An independent Prometheus sends; what both then answer is the same."""

from __future__ import annotations

import subprocess

import httpx
import pytest

from tests.interop.sender import PROMTOOL

pytestmark = pytest.mark.interop

# The platform says of its own sources whether they are up.
OWN = 'up{job="shop"}'


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
        "rate(orders_total[2s])",
        "increase(wait_seconds_count[3s])",
        "delta(odd{v='small'}[3s])",
        "irate(orders_total[2s])",
        "avg_over_time(wait_seconds_sum[3s])",
        "quantile_over_time(0.3, orders_total[3s])",
        "1+1",
    ],
)
def test_both_answer_the_same(pair, query):
    """To the last digit; test_extrapolation.py has the place where rates differ."""
    at = f"{pair.end:.3f}"

    instant = pair.both("query", query=query, time=at)
    ranges = pair.both(
        "query_range", query=query, start=f"{pair.end - 2:.3f}", end=at, step="0.7"
    )

    assert instant[0] == instant[1]
    assert ranges[0] == ranges[1]


@pytest.mark.parametrize(
    "query", ["deriv(orders_total[3s])", "stddev_over_time(orders_total[3s])"]
)
def test_sums_of_squares_are_the_same_but_for_the_last_digits(pair, query):
    theirs, ours = pair.both("query", query=query, time=f"{pair.end:.3f}")

    assert len(ours["result"]) == 20
    for one, other in zip(theirs["result"], ours["result"], strict=True):
        assert one["metric"] == other["metric"]
        assert float(other["value"][1]) == pytest.approx(float(one["value"][1]), 1e-12)


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
