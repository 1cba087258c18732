"""From what is discovered to what is scraped."""

from __future__ import annotations

import pytest

from sources.connectors.scrape.settings import Group, ScrapeSettings
from sources.connectors.scrape.targets import targets_of

pytestmark = pytest.mark.unit


def found(*addresses: str, labels=None, **config):
    settings = ScrapeSettings.of(config, "shop")
    groups = [Group(addresses, labels or {})]
    return targets_of(groups, settings, {"source": "shop"})


def test_an_address_is_scraped_with_the_defaults():
    (target,) = found("web:9100").active

    assert (target.url, target.interval_ms, target.timeout_ms) == (
        "http://web:9100/metrics",
        15_000,
        10_000,
    )
    assert dict(target.labels) == {
        "instance": "web:9100",
        "job": "shop",
        "source": "shop",
    }


def test_relabelling_decides_over_everything():
    rules = [
        {"source_labels": ["__address__"], "target_label": "__param_target"},
        {"source_labels": ["__param_target"], "target_label": "instance"},
        {"target_label": "__address__", "replacement": "blackbox:9115"},
        {"target_label": "__scheme__", "replacement": "https"},
        {"target_label": "__metrics_path__", "replacement": "/probe"},
        {"target_label": "__scrape_interval__", "replacement": "1m"},
        {"target_label": "__scrape_timeout__", "replacement": "500ms"},
        {"target_label": "__tmp", "replacement": "x"},
        {"target_label": "job", "replacement": "probes"},
    ]

    (target,) = found(
        "https://shop.example/",
        params={"module": ["http_2xx"]},
        relabel_configs=rules,
    ).active

    assert target.url == (
        "https://blackbox:9115/probe?module=http_2xx&target=https%3A%2F%2Fshop.example%2F"
    )
    assert (target.interval_ms, target.timeout_ms) == (60_000, 500)
    assert dict(target.labels) == {
        "instance": "https://shop.example/",
        "job": "probes",
        "source": "shop",
    }


def test_what_is_dropped_is_shown_as_it_was_discovered():
    rules = [{"source_labels": ["zone"], "regex": "b", "action": "drop"}]

    result = found("web:1", labels={"zone": "b"}, relabel_configs=rules)

    assert result.active == {}
    assert (result.dropped[0]["__address__"], result.dropped[0]["zone"]) == (
        "web:1",
        "b",
    )


def test_equal_targets_are_scraped_once():
    assert len(found("web:1", "web:1").active) == 1


@pytest.mark.parametrize(
    ("address", "rule", "problem"),
    [
        ("", {}, "'' is no address"),
        ("http://web:1", {}, "'http://web:1' is no address"),
        ("user@web", {}, "'user@web' is no address"),
        ("web\nHost:1", {}, "is no address"),
        ("web:1", {"target_label": "__scheme__", "replacement": "ftp"}, "must be http or https"),
        ("web:1", {"target_label": "__scrape_timeout__", "replacement": "1h"}, "not longer than"),
        ("web:1", {"target_label": "__scrape_interval__", "replacement": "x"}, "'x' is no duration"),
    ],
)  # fmt: skip
def test_a_target_that_cannot_be_is_told(address, rule, problem):
    result = found(address, relabel_configs=[rule] if rule else [])

    assert result.active == {}
    assert problem in result.problems[0]


def test_targets_are_spread_over_the_interval():
    active = found(*(f"web-{i}:9100" for i in range(100))).active

    offsets = sorted(target.schedule.offset_ms for target in active)
    assert offsets[0] < 1500
    assert offsets[-1] > 13_500
    assert len(set(offsets)) > 95


def test_a_turn_is_at_the_same_place_of_each_interval():
    (target,) = found("web:9100").active
    schedule = target.schedule

    first = schedule.next_after(1_000_000)

    assert 0 < first - 1_000_000 <= 15_000
    assert schedule.next_after(first) == first + 15_000
